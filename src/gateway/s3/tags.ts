import { S3Error } from './s3-error.ts'
import { childOf, childrenOf, demandRoot, onlyChildren, textOf, wrong } from './xml-fields.ts'
import { readXml } from './xml-reader.ts'
import { element, type Markup, rootElement } from './xml-writer.ts'

export type Tags = Readonly<Record<string, string>>

const KEY_CHARS_MAX = 128
const VALUE_CHARS_MAX = 256
export const OBJECT_TAGS_MAX = 10
export const BUCKET_TAGS_MAX = 50

/** Tags in a `Tagging` document. @throws {S3Error} `MalformedXML`, `InvalidTag` */
export function tagsInXml(text: string, most: number): Tags {
  const root = demandRoot(readXml(text), 'Tagging')
  onlyChildren(root, ['TagSet'])
  const set = childOf(root, 'TagSet')
  if (set === undefined) throw wrong('TagSet is missing')
  onlyChildren(set, ['Tag'])
  return checked(
    childrenOf(set, 'Tag').map(tag => [textOf(tag, 'Key'), textOf(tag, 'Value')]),
    most,
  )
}

/** Tags in a header, written as a query is. @throws {S3Error} `InvalidArgument`, `InvalidTag` */
export function tagsInHeader(text: string | undefined): Tags | undefined {
  if (text === undefined) return undefined
  const pairs = text.split('&').filter(pair => pair !== '')
  return checked(
    pairs.map(pair => {
      const at = pair.indexOf('=')
      return at < 0 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))]
    }),
    OBJECT_TAGS_MAX,
  )
}

export const taggingElement = (tags: Tags): Markup =>
  rootElement(
    'Tagging',
    element(
      'TagSet',
      Object.entries(tags).map(([key, value]) =>
        element('Tag', element('Key', key), element('Value', value)),
      ),
    ),
  )

function checked(pairs: readonly (readonly [string, string])[], most: number): Tags {
  if (pairs.length > most) throw new S3Error('InvalidTag', `Tags cannot be more than ${most}`)
  for (const [key, value] of pairs) {
    if (key === '' || Array.from(key).length > KEY_CHARS_MAX)
      throw new S3Error('InvalidTag', 'The TagKey you have provided is invalid')
    if (Array.from(value).length > VALUE_CHARS_MAX)
      throw new S3Error('InvalidTag', 'The TagValue you have provided is invalid')
    if (key.startsWith('aws:'))
      throw new S3Error('InvalidTag', 'System tags cannot be added/updated by requester')
  }
  const tags = new Map(pairs)
  if (tags.size < pairs.length)
    throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key')
  // Entries, not assignments: a tag may be called `__proto__`.
  return Object.fromEntries(tags)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new S3Error(
      'InvalidArgument',
      'The header x-amz-tagging shall be encoded as UTF-8 then URL-encoded',
    )
  }
}
