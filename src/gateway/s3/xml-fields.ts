import { S3Error } from './s3-error.ts'
import type { XmlElement } from './xml-reader.ts'

/** Reading a document as what it should be: each throws `MalformedXML` where it is not. */
export function demandRoot(root: XmlElement, name: string): XmlElement {
  if (root.name === name) return root
  throw wrong(`${name} expected, ${root.name} found`)
}

export const childrenOf = (parent: XmlElement, name: string): readonly XmlElement[] =>
  parent.children.filter(child => child.name === name)

/** The only child of this name; undefined if there is none. */
export function childOf(parent: XmlElement, name: string): XmlElement | undefined {
  const found = childrenOf(parent, name)
  if (found.length > 1) throw wrong(`more than one ${name}`)
  return found[0]
}

/** The text of a child; undefined if there is none. */
export const optionalText = (parent: XmlElement, name: string): string | undefined =>
  childOf(parent, name)?.text

export function textOf(parent: XmlElement, name: string): string {
  const text = optionalText(parent, name)
  if (text === undefined) throw wrong(`${name} is missing`)
  return text
}

/** A text out of a few. */
export function choiceOf<Choice extends string>(
  parent: XmlElement,
  name: string,
  choices: readonly Choice[],
): Choice {
  const text = textOf(parent, name).trim()
  const found = choices.find(choice => choice === text)
  if (found === undefined) throw wrong(`${name} is none of ${choices.join(', ')}`)
  return found
}

export function naturalOf(parent: XmlElement, name: string): number {
  const text = textOf(parent, name).trim()
  if (!/^\d{1,15}$/.test(text)) throw wrong(`${name} is no number`)
  return Number(text)
}

export function optionalFlag(parent: XmlElement, name: string): boolean | undefined {
  const text = optionalText(parent, name)?.trim().toLowerCase()
  if (text === undefined || text === 'true' || text === 'false')
    return text === undefined ? undefined : text === 'true'
  throw wrong(`${name} is neither true nor false`)
}

/** Nothing may be said that is not understood: it would be taken for done. */
export function onlyChildren(parent: XmlElement, known: readonly string[]): void {
  const foreign = parent.children.find(({ name }) => !known.includes(name))
  if (foreign !== undefined) throw wrong(`${parent.name} holds ${foreign.name}`)
}

export const wrong = (why: string): S3Error =>
  new S3Error(
    'MalformedXML',
    `The XML you provided was not well-formed or did not validate against our published schema: ${why}`,
  )
