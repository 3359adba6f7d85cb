/**
 * Places in the console, as what stands behind the `#` of an address: a page and the names of what
 * it shows, each percent-encoded whole, for keys hold slashes and anything else.
 */
const pageNames = [
  'overview',
  'peers',
  'objects',
  'object',
  'fragments',
  'groups',
  'clocks',
  'events',
  'repairs',
  'metrics',
  'join',
] as const

export type PageName = (typeof pageNames)[number]

export interface Place {
  readonly page: PageName
  /** E.g. bucket and key. */
  readonly names: readonly string[]
}

/** `#/object/films/sea%2Fwaves.mp4`. */
export const addressOf = (page: PageName, ...names: readonly string[]): string =>
  `#/${[page, ...names].map(encoded).join('/')}`

/** One segment of a path. Text that no encoding has must not end the page that shows it. */
export const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())

/** Where an address leads; to the overview if it leads nowhere. */
export function placeOf(address: string): Place {
  const [page, ...names] = address
    .replace(/^#?\/?/, '')
    .split('/')
    .map(decoded)
  const known = pageNames.find(name => name === page)
  if (known === undefined || names.includes(undefined)) return { page: 'overview', names: [] }
  return { page: known, names: names.filter(name => name !== undefined) }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
