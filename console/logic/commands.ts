import { encoded } from './route.ts'

/** What to type to do the same without the console. */
export interface CommandPlace {
  /** `holdfast` or `npm run holdfast --`. */
  readonly program: string
  readonly origin: string
  readonly dataDirectory: string
  readonly bucket: string
  readonly key: string
}

export interface Command {
  readonly what: string
  readonly text: string
}

/** For a POSIX shell, whatever is in it. */
const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

export function commandsFor(place: CommandPlace): {
  readonly holdfast: readonly Command[]
  readonly curl: readonly Command[]
} {
  const { program, origin, dataDirectory, bucket, key } = place
  const name = quoted(`${bucket}/${key}`)
  const last = key.split('/').at(-1) || 'object'
  // What begins with a hyphen would be taken for an option.
  const file = quoted(last.startsWith('-') ? `./${last}` : last)
  const data = ` --data ${quoted(dataDirectory)}`
  const token = `-H "authorization: Bearer $(cat ${quoted(`${dataDirectory}/api-token`)})"`
  const url = (what: string): string =>
    quoted(`${origin}/api/v1/${what}/${encoded(bucket)}/${encoded(key)}`)
  return {
    holdfast: [
      { what: 'Fetch', text: `${program} get ${name} ${file}${data}` },
      { what: 'Replace', text: `${program} put ${file} ${name}${data}` },
      { what: 'Describe', text: `${program} stat ${name}${data}` },
      { what: 'Fragments', text: `${program} placement ${name}${data}` },
      { what: 'Delete', text: `${program} rm ${name}${data}` },
    ],
    curl: [
      { what: 'Fetch', text: `curl ${token} -o ${file} ${url('objects')}` },
      { what: 'First 100 bytes', text: `curl ${token} -r 0-99 ${url('objects')}` },
      { what: 'Replace', text: `curl ${token} -T ${file} ${url('objects')}` },
      { what: 'Describe', text: `curl ${token} ${url('stat')}` },
      { what: 'Fragments', text: `curl ${token} ${url('placement')}` },
      { what: 'Delete', text: `curl ${token} -X DELETE ${url('objects')}` },
    ],
  }
}
