/** A piece of a document that is markup already. */
export interface Markup {
  readonly markup: string
}

/** Text, which is escaped; numbers; markup; or nothing. */
export type Content = string | number | boolean | Markup | undefined | readonly Content[]

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** An element with what it holds. */
export const element = (name: string, ...content: readonly Content[]): Markup => ({
  markup: `<${name}>${content.map(markupOf).join('')}</${name}>`,
})

/** An element only if there is something to say. */
export const optionalElement = (name: string, content: Content): Markup | undefined =>
  content === undefined ? undefined : element(name, content)

/** An element of S3's own namespace that stands at the top of an answer. */
export const rootElement = (name: string, ...content: readonly Content[]): Markup => ({
  markup: `<${name} xmlns="${NAMESPACE}">${content.map(markupOf).join('')}</${name}>`,
})

/** An element whose content has a type, as grantees have. */
export const typedElement = (
  name: string,
  type: string,
  ...content: readonly Content[]
): Markup => ({
  markup:
    `<${name} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="${type}">` +
    `${content.map(markupOf).join('')}</${name}>`,
})

/** The whole document. */
export const documentOf = ({ markup }: Markup): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${markup}`

function markupOf(content: Content): string {
  if (content === undefined) return ''
  if (isMarkup(content)) return content.markup
  if (isList(content)) return content.map(markupOf).join('')
  return escape(String(content))
}

const isMarkup = (content: Content): content is Markup =>
  typeof content === 'object' && 'markup' in content

const isList = (content: Content): content is readonly Content[] => Array.isArray(content)

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
}

/** What XML cannot hold at all is shown as U+FFFD. */
const escape = (text: string): string =>
  text
    .replaceAll(/[&<>"\r]/g, found => escapes[found] ?? found)
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '\uFFFD')
