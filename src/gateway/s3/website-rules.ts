/** How a bucket is shown as a website: what stands for a folder, and for what is not there. */
import { notImplemented } from './s3-error.ts'
import { childOf, choiceOf, demandRoot, textOf, wrong } from './xml-fields.ts'
import { readXml } from './xml-reader.ts'
import { element, type Markup, optionalElement, rootElement } from './xml-writer.ts'

export interface Website {
  readonly index?: string | undefined
  readonly error?: string | undefined
  readonly redirect?:
    | { readonly host: string; readonly protocol?: 'http' | 'https' | undefined }
    | undefined
}

/** @throws {S3Error} `MalformedXML`, `NotImplemented` */
export function websiteIn(text: string): Website {
  const root = demandRoot(readXml(text), 'WebsiteConfiguration')
  if (childOf(root, 'RoutingRules') !== undefined) throw notImplemented('RoutingRules')
  const redirect = childOf(root, 'RedirectAllRequestsTo')
  if (redirect !== undefined) {
    const hasProtocol = childOf(redirect, 'Protocol') !== undefined
    const protocol = hasProtocol
      ? choiceOf(redirect, 'Protocol', ['http', 'https'] as const)
      : undefined
    return { redirect: { host: textOf(redirect, 'HostName'), protocol } }
  }
  const index = childOf(root, 'IndexDocument')
  const error = childOf(root, 'ErrorDocument')
  if (index === undefined) throw wrong('IndexDocument is missing')
  const suffix = textOf(index, 'Suffix')
  if (suffix === '' || suffix.includes('/'))
    throw wrong('The IndexDocument Suffix is not well formed')
  return { index: suffix, error: error && textOf(error, 'Key') }
}

export const websiteElement = ({ index, error, redirect }: Website): Markup =>
  rootElement(
    'WebsiteConfiguration',
    redirect &&
      element(
        'RedirectAllRequestsTo',
        element('HostName', redirect.host),
        optionalElement('Protocol', redirect.protocol),
      ),
    index === undefined ? undefined : element('IndexDocument', element('Suffix', index)),
    error === undefined ? undefined : element('ErrorDocument', element('Key', error)),
  )
