/** How a bucket is shown as a website: what stands for a folder, and for what is not there. */
import { invalidArgument } from './s3-error.ts'
import {
  childOf,
  childrenOf,
  choiceOf,
  demandRoot,
  naturalOf,
  optionalText,
  textOf,
  wrong,
} from './xml-fields.ts'
import { readXml, type XmlElement } from './xml-reader.ts'
import { element, type Markup, optionalElement, rootElement } from './xml-writer.ts'

export interface Website {
  readonly index?: string | undefined
  readonly error?: string | undefined
  readonly redirect?:
    | { readonly host: string; readonly protocol?: 'http' | 'https' | undefined }
    | undefined
  readonly rules?: readonly RoutingRule[] | undefined
}

/** Who is sent elsewhere: those who ask for what begins so, or whom this would be answered. */
export interface RoutingRule {
  readonly prefix?: string | undefined
  readonly status?: number | undefined
  readonly redirect: {
    readonly host?: string | undefined
    readonly protocol?: 'http' | 'https' | undefined
    readonly status?: number | undefined
    /** In place of the prefix. */
    readonly keyPrefix?: string | undefined
    /** In place of the whole key. */
    readonly key?: string | undefined
  }
}

const RULES_MAX = 50

/** @throws {S3Error} `MalformedXML`, `InvalidArgument` */
export function websiteIn(text: string): Website {
  const root = demandRoot(readXml(text), 'WebsiteConfiguration')
  const redirect = childOf(root, 'RedirectAllRequestsTo')
  if (redirect !== undefined) {
    return { redirect: { host: hostIn(redirect), protocol: protocolIn(redirect) } }
  }
  const index = childOf(root, 'IndexDocument')
  const error = childOf(root, 'ErrorDocument')
  if (index === undefined) throw wrong('IndexDocument is missing')
  const suffix = textOf(index, 'Suffix')
  if (suffix === '' || suffix.includes('/'))
    throw wrong('The IndexDocument Suffix is not well formed')
  const rules = childrenOf(childOf(root, 'RoutingRules') ?? index, 'RoutingRule').map(ruleIn)
  if (rules.length > RULES_MAX) throw wrong(`there are at most ${RULES_MAX} routing rules`)
  return { index: suffix, error: error && textOf(error, 'Key'), rules }
}

function ruleIn(rule: XmlElement): RoutingRule {
  const condition = childOf(rule, 'Condition')
  const redirect = childOf(rule, 'Redirect')
  if (redirect === undefined) throw wrong('Redirect is missing')
  const prefix = condition && optionalText(condition, 'KeyPrefixEquals')
  const status = condition && statusIn(condition, 'HttpErrorCodeReturnedEquals', [400, 599])
  if (condition !== undefined && prefix === undefined && status === undefined)
    throw wrong('a Condition has KeyPrefixEquals or HttpErrorCodeReturnedEquals')
  const [key, keyPrefix] = ['ReplaceKeyWith', 'ReplaceKeyPrefixWith'].map(name =>
    optionalText(redirect, name),
  )
  if (key !== undefined && keyPrefix !== undefined)
    throw wrong('a Redirect has one of ReplaceKeyWith and ReplaceKeyPrefixWith')
  const host = childOf(redirect, 'HostName') && hostIn(redirect)
  const sent = statusIn(redirect, 'HttpRedirectCode', [300, 399])
  const how = { host, protocol: protocolIn(redirect), status: sent, keyPrefix, key }
  if (Object.values(how).every(each => each === undefined)) throw wrong('a Redirect leads nowhere')
  return { prefix, status, redirect: how }
}

function statusIn(
  parent: XmlElement,
  name: string,
  [least, most]: readonly [number, number],
): number | undefined {
  if (childOf(parent, name) === undefined) return undefined
  const status = naturalOf(parent, name)
  if (status >= least && status <= most) return status
  throw invalidArgument(name, String(status), `${name} is from ${least} to ${most}`)
}

const protocolIn = (parent: XmlElement): 'http' | 'https' | undefined =>
  childOf(parent, 'Protocol') && choiceOf(parent, 'Protocol', ['http', 'https'] as const)

/** What stands in a URL between the slashes. */
function hostIn(parent: XmlElement): string {
  const host = textOf(parent, 'HostName')
  if (/^[\w.-]+(:\d+)?$/.test(host)) return host
  throw invalidArgument('HostName', host, 'HostName is no host')
}

export const websiteElement = ({ index, error, redirect, rules = [] }: Website): Markup =>
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
    rules.length === 0 ? undefined : element('RoutingRules', rules.map(ruleElement)),
  )

const ruleElement = ({ prefix, status, redirect }: RoutingRule): Markup =>
  element(
    'RoutingRule',
    prefix === undefined && status === undefined
      ? undefined
      : element(
          'Condition',
          optionalElement('HttpErrorCodeReturnedEquals', status),
          optionalElement('KeyPrefixEquals', prefix),
        ),
    element(
      'Redirect',
      optionalElement('Protocol', redirect.protocol),
      optionalElement('HostName', redirect.host),
      optionalElement('ReplaceKeyPrefixWith', redirect.keyPrefix),
      optionalElement('ReplaceKeyWith', redirect.key),
      optionalElement('HttpRedirectCode', redirect.status),
    ),
  )
