/**
 * A form as browsers send it, `multipart/form-data`: small fields first, then one file, as a stream.
 * What comes behind the file is not looked at. Fields are bounded in number and bytes; of the file
 * only a boundary's length is held back.
 *
 *     --boundary CRLF headers CRLF CRLF content CRLF --boundary … --boundary--
 */
import { Buffer } from 'node:buffer'

import { S3Error } from './s3-error.ts'

const FIELDS_MAX = 100
const FIELDS_BYTES_MAX = 65_536
const BOUNDARY_BYTES_MAX = 70

export interface Form {
  /** By their names in lower case. */
  readonly fields: ReadonlyMap<string, string>
  readonly fileName: string
  /** As the browser has it. */
  readonly fileType: string | undefined
  readonly file: AsyncIterable<Uint8Array>
}

interface PartHead {
  readonly name: string
  readonly fileName: string | undefined
  readonly type: string | undefined
}

/** @throws {S3Error} `MalformedPOSTRequest`, `MaxMessageLengthExceeded` */
export async function readForm(
  source: AsyncIterable<Uint8Array>,
  contentType: string,
): Promise<Form> {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType)?.slice(1).find(Boolean)
  if (boundary === undefined || boundary.length > BOUNDARY_BYTES_MAX)
    throw malformed('there is no boundary')
  const input = new Delimited(source)
  const fields = new Map<string, string>()
  // The first boundary has no line end before it, all others have.
  await input.until(`--${boundary}`, FIELDS_BYTES_MAX)
  for (let count = 0; ; count++) {
    if (count > FIELDS_MAX) throw malformed('there are too many fields')
    if ((await input.until('\r\n', 2)).length > 0) throw malformed('there is no file')
    const { name, fileName, type } = headIn(await input.until('\r\n\r\n', FIELDS_BYTES_MAX))
    if (name === 'file') {
      const file = input.pass(`\r\n--${boundary}`)
      return { fields, fileName: fileName ?? '', fileType: type, file }
    }
    fields.set(name, await input.until(`\r\n--${boundary}`, FIELDS_BYTES_MAX))
  }
}

function headIn(text: string): PartHead {
  const disposition = /^content-disposition:\s*form-data;(.*)$/im.exec(text)?.[1] ?? ''
  const name = /\bname="([^"]*)"/i.exec(disposition)?.[1]
  if (name === undefined) throw malformed('a field has no name')
  return {
    name: name.toLowerCase(),
    fileName: /\bfilename="([^"]*)"/i.exec(disposition)?.[1],
    type: /^content-type:[ \t]*(.*)$/im.exec(text)?.[1]?.trim(),
  }
}

/** Cuts a stream at marks. */
class Delimited {
  readonly #source: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)
  #taken = 0

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The text up to a mark, which is skipped. */
  async until(mark: string, bytesMax: number): Promise<string> {
    for (;;) {
      const at = this.#held.indexOf(mark)
      if (at > bytesMax || (at < 0 && this.#held.length > bytesMax + mark.length)) throw tooLong()
      if (at >= 0) {
        const text = this.#held.toString('utf8', 0, at)
        this.#held = this.#held.subarray(at + mark.length)
        this.#taken += at
        if (this.#taken > FIELDS_BYTES_MAX) throw tooLong()
        return text
      }
      if (!(await this.#read())) throw malformed('it ends too early')
    }
  }

  /** The bytes up to a mark, as they come; what follows is read and dropped. */
  async *pass(mark: string): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.#held.indexOf(mark)
      // The mark may begin at the end of what is here.
      const safe = at >= 0 ? at : this.#held.length - mark.length
      if (safe > 0) yield this.#held.subarray(0, safe)
      if (at >= 0) break
      this.#held = this.#held.subarray(Math.max(0, safe))
      if (!(await this.#read()))
        throw new S3Error('IncompleteBody', 'The form ends inside the file')
    }
    let next = await this.#source.next()
    while (next.done !== true) next = await this.#source.next()
  }

  async #read(): Promise<boolean> {
    const next = await this.#source.next()
    if (next.done === true) return false
    this.#held = Buffer.concat([this.#held, next.value])
    return true
  }
}

const malformed = (why: string): S3Error =>
  new S3Error(
    'MalformedPOSTRequest',
    `The body of your POST request is not well-formed multipart/form-data: ${why}`,
  )

const tooLong = (): S3Error =>
  new S3Error(
    'MaxMessageLengthExceeded',
    'Your POST request fields preceding the upload file were too large.',
  )
