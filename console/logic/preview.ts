/** How an object can be looked at in the page; undefined if not at all. */
export type PreviewKind = 'audio' | 'image' | 'text' | 'video'

const byExtension: Readonly<Record<string, PreviewKind>> = {
  png: 'image',
  jpg: 'image',
  jpeg: 'image',
  gif: 'image',
  webp: 'image',
  avif: 'image',
  mp4: 'video',
  m4v: 'video',
  webm: 'video',
  mov: 'video',
  mp3: 'audio',
  ogg: 'audio',
  opus: 'audio',
  flac: 'audio',
  wav: 'audio',
  m4a: 'audio',
  txt: 'text',
  md: 'text',
  json: 'text',
  csv: 'text',
  log: 'text',
  toml: 'text',
  yaml: 'text',
  yml: 'text',
  xml: 'text',
  ts: 'text',
  js: 'text',
  html: 'text',
  css: 'text',
  sh: 'text',
}

/** By its type, else by its name. An SVG can hold scripts, and is shown as the text that it is. */
export function previewKind(key: string, contentType: string | undefined): PreviewKind | undefined {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (type.startsWith('image/svg')) return 'text'
  if (type.startsWith('image/')) return 'image'
  if (type.startsWith('video/')) return 'video'
  if (type.startsWith('audio/')) return 'audio'
  if (type.startsWith('text/') || /[/+](json|xml|javascript|yaml)$/.test(type)) return 'text'
  if (type !== '' && !type.endsWith('octet-stream')) return undefined
  return byExtension[key.split('.').at(-1)?.toLowerCase() ?? '']
}
