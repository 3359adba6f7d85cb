/**
 * Reads the few documents that clients of S3 send. Elements, attributes, text, CDATA, comments, the
 * five entities and references by number: nothing else. There are no document types, so there is
 * nothing that could grow or fetch; depth, elements and bytes are bounded.
 */
import { S3Error } from './s3-error.ts'

export interface XmlElement {
  /** Without its namespace's prefix. */
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** All text that is directly inside. */
  readonly text: string
}

const DEPTH_MAX = 16
const ATTRIBUTES_MAX = 16
/** Ten thousand parts with all their checksums. */
const ELEMENTS_MAX = 100_000

interface OpenElement {
  readonly name: string
  /** With the prefix, as the end tag must have it. */
  readonly fullName: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: XmlElement[]
  text: string
}

/**
 * The element at the top of a document.
 * @throws {S3Error} `MalformedXML`
 */
export function readXml(source: string): XmlElement {
  return new XmlReader(source).read()
}

const NAME = /[A-Za-z_][\w.:-]{0,127}/y
const ATTRIBUTE = /\s+([A-Za-z_][\w.:-]{0,127})\s*=\s*(?:"([^<"]*)"|'([^<']*)')/y
const DECLARATION = /<\?xml\s+version\s*=\s*["']1\.0["'][^<>?]{0,100}\?>/y
const BLANK = /\s*/y

class XmlReader {
  readonly #source: string
  readonly #open: OpenElement[] = []
  #at = 0
  #count = 0
  #root: XmlElement | undefined

  constructor(source: string) {
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    const foreign = source.search(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/)
    if (foreign >= 0) throw malformed(foreign)
    this.#source = source.replace(/^\uFEFF/, '')
  }

  read(): XmlElement {
    this.#match(BLANK)
    if (this.#source.startsWith('<?xml', this.#at)) this.#demand(DECLARATION)
    while (this.#at < this.#source.length) this.#step()
    if (this.#root === undefined || this.#open.length > 0) throw malformed(this.#at)
    return this.#root
  }

  #step(): void {
    if (this.#skips('<!--')) return this.#comment()
    if (this.#skips('<![CDATA[')) return this.#characterData()
    if (this.#skips('</')) return this.#end()
    if (this.#skips('<')) return this.#begin()
    this.#addText(unescape(this.#until('<', 0), this.#at))
  }

  #comment(): void {
    if (this.#until('-->', 3).includes('--')) throw malformed(this.#at)
  }

  #characterData(): void {
    if (this.#open.length === 0) throw malformed(this.#at)
    this.#addText(this.#until(']]>', 3))
  }

  #begin(): void {
    const fullName = this.#demand(NAME)
    const attributes = this.#attributes()
    this.#match(BLANK)
    const isEmpty = this.#skips('/>')
    if (!isEmpty && !this.#skips('>')) throw malformed(this.#at)
    if (this.#root !== undefined || ++this.#count > ELEMENTS_MAX) throw malformed(this.#at)
    this.#open.push({ name: localName(fullName), fullName, attributes, children: [], text: '' })
    if (this.#open.length > DEPTH_MAX) throw malformed(this.#at)
    if (isEmpty) this.#close()
  }

  #end(): void {
    if (this.#demand(NAME) !== this.#open.at(-1)?.fullName) throw malformed(this.#at)
    this.#match(BLANK)
    if (!this.#skips('>')) throw malformed(this.#at)
    this.#close()
  }

  #close(): void {
    const { name, attributes, children, text } = this.#open.pop() as OpenElement
    const closed = { name, attributes, children, text }
    const parent = this.#open.at(-1)
    if (parent === undefined) this.#root = closed
    else parent.children.push(closed)
  }

  #attributes(): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    for (;;) {
      ATTRIBUTE.lastIndex = this.#at
      const [all, name, double, single] = ATTRIBUTE.exec(this.#source) ?? []
      if (all === undefined || name === undefined) return found
      if (found.has(name) || found.size === ATTRIBUTES_MAX) throw malformed(this.#at)
      found.set(name, unescape(double ?? single ?? '', this.#at))
      this.#at += all.length
    }
  }

  #addText(text: string): void {
    const inside = this.#open.at(-1)
    if (inside !== undefined) inside.text += text
    else if (text.trim() !== '') throw malformed(this.#at)
  }

  /** What stands before `end`, which is skipped by as many characters; or all, where it may end. */
  #until(end: string, skipped: number): string {
    const at = this.#source.indexOf(end, this.#at)
    if (at < 0 && skipped > 0) throw malformed(this.#source.length)
    const text = this.#source.slice(this.#at, at < 0 ? undefined : at)
    this.#at += text.length + skipped
    return text
  }

  #skips(text: string): boolean {
    const is = this.#source.startsWith(text, this.#at)
    if (is) this.#at += text.length
    return is
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#source)?.[0]
    this.#at += found?.length ?? 0
    return found
  }

  #demand(pattern: RegExp): string {
    const found = this.#match(pattern)
    if (found === undefined) throw malformed(this.#at)
    return found
  }
}

const entities: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])

/** Text with its references resolved. A lone `&` is as malformed as an entity nobody defined. */
function unescape(text: string, at: number): string {
  if (!text.includes('&')) return text
  return text.replaceAll(/&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|(\w{1,8}));|&/g, (_, ...found) => {
    const [decimal, hexadecimal, name] = found as (string | undefined)[]
    if (name !== undefined) return entities.get(name) ?? fail(at)
    if (decimal === undefined && hexadecimal === undefined) return fail(at)
    const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal)
    return isCharacter(code) ? String.fromCodePoint(code) : fail(at)
  })
}

/** As XML 1.0 has it. */
const isCharacter = (code: number): boolean =>
  code === 0x9 ||
  code === 0xa ||
  code === 0xd ||
  (code >= 0x20 && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd) ||
  (code >= 0x10000 && code <= 0x10ffff)

const localName = (name: string): string => name.slice(name.indexOf(':') + 1)

function fail(at: number): never {
  throw malformed(at)
}

const malformed = (at: number): S3Error =>
  new S3Error('MalformedXML', `The XML you provided was not well-formed, at character ${at}`)
