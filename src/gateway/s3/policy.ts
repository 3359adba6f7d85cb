/**
 * Bucket policies: the part of the JSON language that says who may do what where. Whatever is not
 * understood is refused when the policy is set, so that nothing is ever granted by mistake. Patterns
 * have `*` and `?`. A denial beats a grant; what nothing speaks of is for the key's own rights.
 */
import { BlockList, isIP } from 'node:net'

import { S3Error } from './s3-error.ts'

export interface Policy {
  readonly statements: readonly Statement[]
}

interface Statement {
  readonly effect: 'Allow' | 'Deny'
  /** Names of keys; `*` is everybody. */
  readonly principals: readonly string[]
  readonly actions: Patterns
  readonly resources: Patterns
  readonly conditions: readonly Condition[]
}

interface Patterns {
  readonly patterns: readonly string[]
  /** Everything but these. */
  readonly isNot: boolean
}

type Operator =
  | 'StringEquals'
  | 'StringNotEquals'
  | 'StringLike'
  | 'StringNotLike'
  | 'IpAddress'
  | 'NotIpAddress'
  | 'Bool'

interface Condition {
  readonly operator: Operator
  readonly key: ConditionKey
  readonly values: readonly string[]
}

const conditionKeys = [
  'aws:Referer',
  'aws:SecureTransport',
  'aws:SourceIp',
  'aws:UserAgent',
  's3:delimiter',
  's3:prefix',
] as const
type ConditionKey = (typeof conditionKeys)[number]

/** What is asked, for a policy to decide. */
export interface PolicyQuestion {
  /** The name of the key; undefined for somebody unknown. */
  readonly principal: string | undefined
  /** `s3:GetObject`. */
  readonly action: string
  /** `bucket`, or `bucket/key`. */
  readonly resource: string
  readonly facts: Readonly<Partial<Record<ConditionKey, string>>>
}

export type PolicyVerdict = 'allow' | 'deny' | 'silent'

const ARN = 'arn:aws:s3:::'
const versions: readonly unknown[] = [undefined, '2008-10-17', '2012-10-17']
const STATEMENTS_MAX = 64
const LIST_MAX = 256
const operators: readonly Operator[] = [
  'StringEquals',
  'StringNotEquals',
  'StringLike',
  'StringNotLike',
  'IpAddress',
  'NotIpAddress',
  'Bool',
]

/**
 * A policy out of its JSON.
 * @throws {S3Error} `MalformedPolicy`
 */
export function readPolicy(text: string, bucket: string): Policy {
  const value = objectIn(jsonIn(text), ['Version', 'Id', 'Statement'])
  if (!versions.includes(value['Version'])) throw malformed('the Version is unknown')
  const statements = listIn(value['Statement']).map(each => statementIn(each, bucket))
  if (statements.length === 0 || statements.length > STATEMENTS_MAX)
    throw malformed(`it has from 1 to ${STATEMENTS_MAX} statements`)
  return { statements }
}

export function judge({ statements }: Policy, question: PolicyQuestion): PolicyVerdict {
  const speaking = statements.filter(statement => applies(statement, question))
  if (speaking.some(({ effect }) => effect === 'Deny')) return 'deny'
  return speaking.length > 0 ? 'allow' : 'silent'
}

/** Whether it lets everybody do something, without a condition on where they are. */
export const isPublic = ({ statements }: Policy): boolean =>
  statements.some(
    ({ effect, principals, conditions }) =>
      effect === 'Allow' &&
      principals.includes('*') &&
      !conditions.some(({ operator }) => operator === 'IpAddress'),
  )

function statementIn(value: unknown, bucket: string): Statement {
  const fields = objectIn(value, [
    'Sid',
    'Effect',
    'Principal',
    'Action',
    'NotAction',
    'Resource',
    'NotResource',
    'Condition',
  ])
  const effect = fields['Effect']
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed('an Effect is Allow or Deny')
  const actions = patternsIn(fields, 'Action')
  if (actions.patterns.some(pattern => pattern !== '*' && !/^s3:[\w*?]+$/i.test(pattern)))
    throw malformed('Policy has invalid action')
  const resources = patternsIn(fields, 'Resource')
  return {
    effect,
    principals: principalsIn(fields['Principal']),
    actions,
    resources: { ...resources, patterns: resources.patterns.map(each => resourceIn(each, bucket)) },
    conditions: conditionsIn(fields['Condition']),
  }
}

function patternsIn(fields: Readonly<Record<string, unknown>>, name: string): Patterns {
  const [is, isNot] = [fields[name], fields[`Not${name}`]]
  if ((is === undefined) === (isNot === undefined))
    throw malformed(`${name} or Not${name} is needed`)
  return { patterns: textsIn(is ?? isNot, name), isNot: is === undefined }
}

function resourceIn(arn: string, bucket: string): string {
  const resource = arn.startsWith(ARN) ? arn.slice(ARN.length) : undefined
  if (resource === bucket || resource?.startsWith(`${bucket}/`) === true) return resource
  throw malformed('Policy has invalid resource')
}

function principalsIn(value: unknown): readonly string[] {
  if (value === '*') return ['*']
  const { AWS } = objectIn(value, ['AWS'])
  return textsIn(AWS, 'Principal').map(each => each.slice(each.lastIndexOf('/') + 1))
}

function conditionsIn(value: unknown): readonly Condition[] {
  if (value === undefined) return []
  return Object.entries(objectIn(value, operators)).flatMap(([operator, keys]) =>
    Object.entries(objectIn(keys)).map(([name, values]): Condition => {
      const key = conditionKeys.find(each => each.toLowerCase() === name.toLowerCase())
      if (key === undefined) throw malformed(`the condition key ${name} is not known here`)
      const condition = { operator: operator as Operator, key, values: textsIn(values, name) }
      if (operator.endsWith('IpAddress')) condition.values.forEach(checkNetwork)
      return condition
    }),
  )
}

function applies(statement: Statement, question: PolicyQuestion): boolean {
  const { principals, actions, resources, conditions } = statement
  const isMeant = principals.includes('*') || principals.includes(question.principal ?? '')
  return (
    isMeant &&
    isAmong(actions, question.action.toLowerCase(), pattern => pattern.toLowerCase()) &&
    isAmong(resources, question.resource) &&
    conditions.every(condition => holds(condition, question))
  )
}

const isAmong = (
  { patterns, isNot }: Patterns,
  text: string,
  change: (pattern: string) => string = pattern => pattern,
): boolean => patterns.some(pattern => isLike(text, change(pattern))) !== isNot

function holds({ operator, key, values }: Condition, { facts }: PolicyQuestion): boolean {
  const fact = facts[key]
  switch (operator) {
    case 'StringEquals':
      return fact !== undefined && values.includes(fact)
    case 'StringNotEquals':
      return fact === undefined || !values.includes(fact)
    case 'StringLike':
      return fact !== undefined && values.some(value => isLike(fact, value))
    case 'StringNotLike':
      return fact === undefined || !values.some(value => isLike(fact, value))
    case 'IpAddress':
      return fact !== undefined && values.some(value => isInside(fact, value))
    case 'NotIpAddress':
      return fact === undefined || !values.some(value => isInside(fact, value))
    case 'Bool':
      return fact !== undefined && values.some(value => value.toLowerCase() === fact)
  }
}

/** Linear in text times pattern: no pattern makes it slow. */
export function isLike(text: string, pattern: string): boolean {
  let [at, in_, star, mark] = [0, 0, -1, 0]
  while (at < text.length) {
    if (
      in_ < pattern.length &&
      (pattern[in_] === '?' || (pattern[in_] === text[at] && pattern[in_] !== '*'))
    ) {
      at++
      in_++
    } else if (pattern[in_] === '*') {
      star = in_++
      mark = at
    } else if (star >= 0) {
      in_ = star + 1
      at = ++mark
    } else return false
  }
  while (pattern[in_] === '*') in_++
  return in_ === pattern.length
}

function isInside(address: string, network: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '')
  const [base = '', bits] = network.split('/')
  const family = isIP(base) === 4 ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  list.addSubnet(base, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family)
  return isIP(plain) === (family === 'ipv4' ? 4 : 6) && list.check(plain, family)
}

function checkNetwork(network: string): void {
  const [base = '', bits = '0', ...more] = network.split('/')
  const most = isIP(base) === 4 ? 32 : 128
  if (isIP(base) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > most || more.length > 0)
    throw malformed(`${network} is no range of addresses`)
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('it is no JSON')
  }
}

function objectIn(value: unknown, known?: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed('an object is missing')
  const foreign = known && Object.keys(value).find(name => !known.includes(name))
  if (foreign !== undefined) throw malformed(`${foreign} is not known here`)
  return value as Record<string, unknown>
}

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value])

function textsIn(value: unknown, name: string): readonly string[] {
  const list = listIn(value)
  const texts = list.map(each => (typeof each === 'boolean' ? String(each) : each))
  if (list.length === 0 || list.length > LIST_MAX || !texts.every(each => typeof each === 'string'))
    throw malformed(`${name} is a text or a list of texts`)
  return texts
}

const malformed = (why: string): S3Error =>
  new S3Error('MalformedPolicy', `Policies must be valid JSON of the supported kind: ${why}`)
