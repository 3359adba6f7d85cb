/**
 * When objects end by themselves. Rules are kept as JSON, document `lifecycle`, for whoever carries
 * them out; what nobody would carry out is refused.
 */
import type { LifecycleRule } from '../../node/store/expiry.ts'
import { invalidArgument, notImplemented, S3Error } from './s3-error.ts'
import {
  childOf,
  childrenOf,
  choiceOf,
  demandRoot,
  naturalOf,
  optionalFlag,
  optionalText,
  textOf,
  wrong,
} from './xml-fields.ts'
import { readXml, type XmlElement } from './xml-reader.ts'
import { element, type Markup, optionalElement, rootElement } from './xml-writer.ts'

const RULES_MAX = 1000
const ID_CHARS_MAX = 255
const DAYS_MAX = 36_500
const DAY_MS = 86_400_000

export function lifecycleIn(text: string): readonly LifecycleRule[] {
  const root = demandRoot(readXml(text), 'LifecycleConfiguration')
  const rules = childrenOf(root, 'Rule').map(ruleIn)
  if (rules.length === 0 || rules.length > RULES_MAX)
    throw wrong(`there are from 1 to ${RULES_MAX} rules`)
  const ids = new Set(rules.map(({ id }) => id))
  if (ids.size < rules.length) throw invalidArgument('ID', '', 'Rule ID must be unique')
  return rules
}

function ruleIn(rule: XmlElement, index: number): LifecycleRule {
  for (const name of ['Transition', 'NoncurrentVersionTransition'])
    if (childrenOf(rule, name).length > 0) throw notImplemented(name)
  const id = optionalText(rule, 'ID') ?? `rule-${index + 1}`
  if (id.length > ID_CHARS_MAX)
    throw invalidArgument('ID', id, 'ID length should not exceed allowed limit of 255')
  const expiration = childOf(rule, 'Expiration')
  const noncurrent = childOf(rule, 'NoncurrentVersionExpiration')
  const abort = childOf(rule, 'AbortIncompleteMultipartUpload')
  if (expiration === undefined && noncurrent === undefined && abort === undefined)
    throw wrong('At least one action needs to be specified in a rule')
  const filter = filterIn(rule)
  const ends = expiration === undefined ? {} : expirationIn(expiration)
  demandPlain(filter, {
    AbortIncompleteMultipartUpload: abort !== undefined,
    ExpiredObjectDeleteMarker: ends.dropsMarkers === true,
  })
  return {
    id,
    isEnabled: choiceOf(rule, 'Status', ['Enabled', 'Disabled']) === 'Enabled',
    ...filter,
    ...ends,
    noncurrentDays: noncurrent && daysIn(noncurrent, 'NoncurrentDays'),
    noncurrentKept:
      noncurrent && childOf(noncurrent, 'NewerNoncurrentVersions')
        ? naturalOf(noncurrent, 'NewerNoncurrentVersions')
        : undefined,
    abortDays: abort && daysIn(abort, 'DaysAfterInitiation'),
  }
}

/** Uploads and markers have neither tags nor sizes. */
function demandPlain(
  { tags, sizeAbove, sizeBelow }: Pick<LifecycleRule, 'tags' | 'sizeAbove' | 'sizeBelow'>,
  actions: Readonly<Record<string, boolean>>,
): void {
  const [action] = Object.entries(actions).find(([, isThere]) => isThere) ?? []
  if (action === undefined) return
  if (tags.length > 0)
    throw new S3Error('InvalidRequest', `${action} cannot be specified with Tags.`)
  if (sizeAbove !== undefined || sizeBelow !== undefined)
    throw new S3Error('InvalidRequest', `${action} cannot be specified with Object Size.`)
}

function filterIn(
  rule: XmlElement,
): Pick<LifecycleRule, 'prefix' | 'tags' | 'sizeAbove' | 'sizeBelow'> {
  const filter = childOf(rule, 'Filter')
  const where = (filter && childOf(filter, 'And')) ?? filter ?? rule
  const tags = childrenOf(where, 'Tag').map(tag => ({
    key: textOf(tag, 'Key'),
    value: textOf(tag, 'Value'),
  }))
  const size = (name: string): number | undefined => childOf(where, name) && naturalOf(where, name)
  return {
    prefix: optionalText(where, 'Prefix') ?? '',
    tags,
    sizeAbove: size('ObjectSizeGreaterThan'),
    sizeBelow: size('ObjectSizeLessThan'),
  }
}

function expirationIn(
  expiration: XmlElement,
): Pick<LifecycleRule, 'expireDays' | 'expireAtMs' | 'dropsMarkers'> {
  const date = optionalText(expiration, 'Date')
  const dropsMarkers = optionalFlag(expiration, 'ExpiredObjectDeleteMarker')
  const hasDays = childOf(expiration, 'Days') !== undefined
  if ([date !== undefined, dropsMarkers !== undefined, hasDays].filter(Boolean).length !== 1)
    throw wrong('an Expiration has one of Days, Date and ExpiredObjectDeleteMarker')
  if (hasDays) return { expireDays: daysIn(expiration, 'Days') }
  if (date === undefined) return { dropsMarkers }
  const ms = Date.parse(date)
  if (Number.isNaN(ms)) throw wrong('a Date is in ISO 8601 format')
  if (ms % DAY_MS !== 0) throw invalidArgument('Date', date, "'Date' must be at midnight GMT")
  return { expireAtMs: ms }
}

function daysIn(parent: XmlElement, name: string): number {
  const days = naturalOf(parent, name)
  if (days >= 1 && days <= DAYS_MAX) return days
  throw invalidArgument(name, String(days), `'${name}' must be a positive integer`)
}

export const lifecycleElement = (rules: readonly LifecycleRule[]): Markup =>
  rootElement('LifecycleConfiguration', rules.map(ruleElement))

const ruleElement = (rule: LifecycleRule): Markup =>
  element(
    'Rule',
    element('ID', rule.id),
    element('Status', rule.isEnabled ? 'Enabled' : 'Disabled'),
    filterElement(rule),
    expirationElement(rule),
    rule.noncurrentDays === undefined
      ? undefined
      : element(
          'NoncurrentVersionExpiration',
          element('NoncurrentDays', rule.noncurrentDays),
          optionalElement('NewerNoncurrentVersions', rule.noncurrentKept),
        ),
    rule.abortDays === undefined
      ? undefined
      : element('AbortIncompleteMultipartUpload', element('DaysAfterInitiation', rule.abortDays)),
  )

function filterElement({ prefix, tags, sizeAbove, sizeBelow }: LifecycleRule): Markup {
  const conditions = [
    prefix === '' ? undefined : element('Prefix', prefix),
    ...tags.map(({ key, value }) => element('Tag', element('Key', key), element('Value', value))),
    optionalElement('ObjectSizeGreaterThan', sizeAbove),
    optionalElement('ObjectSizeLessThan', sizeBelow),
  ].filter(each => each !== undefined)
  if (conditions.length === 0) return element('Filter', element('Prefix', ''))
  return element('Filter', conditions.length > 1 ? element('And', conditions) : conditions)
}

function expirationElement({
  expireDays,
  expireAtMs,
  dropsMarkers,
}: LifecycleRule): Markup | undefined {
  if (expireDays === undefined && expireAtMs === undefined && dropsMarkers === undefined)
    return undefined
  return element(
    'Expiration',
    optionalElement('Days', expireDays),
    optionalElement(
      'Date',
      expireAtMs === undefined ? undefined : new Date(expireAtMs).toISOString(),
    ),
    optionalElement('ExpiredObjectDeleteMarker', dropsMarkers),
  )
}
