import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  isLike,
  isPublic,
  judge,
  type PolicyQuestion,
  readPolicy,
} from '../../../src/gateway/s3/policy.ts'
import { S3Error } from '../../../src/gateway/s3/s3-error.ts'

type Json = Record<string, unknown>

const statement = (more: Json = {}): Json => ({
  Effect: 'Allow',
  Principal: '*',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::films/*',
  ...more,
})
const policyOf = (...statements: readonly Json[]) =>
  readPolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }), 'films')
const question = (more: Partial<PolicyQuestion> = {}): PolicyQuestion => ({
  principal: undefined,
  action: 's3:GetObject',
  resource: 'films/a',
  facts: { 'aws:SourceIp': '10.1.2.3', 'aws:SecureTransport': 'false' },
  ...more,
})

const judged = [
  ['everybody may read what it says', [statement()], {}, 'allow'],
  ['it is silent on other actions', [statement()], { action: 's3:PutObject' }, 'silent'],
  ['it is silent on other keys', [statement({ Resource: 'arn:aws:s3:::films/b*' })], {}, 'silent'],
  ['actions are patterns', [statement({ Action: 's3:Get*' })], {}, 'allow'],
  ['actions have no case', [statement({ Action: 's3:getobject' })], {}, 'allow'],
  [
    'NotAction is everything else',
    [statement({ Action: undefined, NotAction: 's3:Put*' })],
    {},
    'allow',
  ],
  [
    'NotResource is everything else',
    [statement({ Resource: undefined, NotResource: 'arn:aws:s3:::films/a' })],
    {},
    'silent',
  ],
  ['a denial beats a grant', [statement(), statement({ Effect: 'Deny' })], {}, 'deny'],
  [
    'a denial speaks of those it names',
    [statement({ Effect: 'Deny', Principal: { AWS: ['HFX'] } })],
    {},
    'silent',
  ],
  [
    'a key is named by its id',
    [statement({ Principal: { AWS: 'HFX' } })],
    { principal: 'HFX' },
    'allow',
  ],
  [
    'or by an ARN that ends in it',
    [statement({ Principal: { AWS: 'arn:aws:iam::1:user/HFX' } })],
    { principal: 'HFX' },
    'allow',
  ],
  [
    'others are not meant',
    [statement({ Principal: { AWS: 'HFX' } })],
    { principal: 'HFY' },
    'silent',
  ],
  [
    'an address is inside a range',
    [statement({ Condition: { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8'] } } })],
    {},
    'allow',
  ],
  [
    'or outside',
    [statement({ Condition: { IpAddress: { 'aws:SourceIp': '10.2.0.0/16' } } })],
    {},
    'silent',
  ],
  [
    'or must not be inside',
    [statement({ Condition: { NotIpAddress: { 'aws:SourceIp': '10.1.2.3' } } })],
    {},
    'silent',
  ],
  [
    'an address may be an IPv6 one',
    [statement({ Condition: { IpAddress: { 'aws:SourceIp': 'fd00::/8' } } })],
    { facts: { 'aws:SourceIp': 'fd00::1' } },
    'allow',
  ],
  [
    'one of IPv4 may be written as IPv6',
    [statement({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } })],
    { facts: { 'aws:SourceIp': '::ffff:10.0.0.1' } },
    'allow',
  ],
  [
    'a connection must be secure',
    [statement({ Condition: { Bool: { 'aws:SecureTransport': true } } })],
    {},
    'silent',
  ],
  [
    'or must not',
    [statement({ Condition: { Bool: { 'aws:SecureTransport': 'false' } } })],
    {},
    'allow',
  ],
  [
    'what is not known equals nothing',
    [statement({ Condition: { StringEquals: { 's3:prefix': 'a' } } })],
    {},
    'silent',
  ],
  [
    'and differs from everything',
    [statement({ Condition: { StringNotEquals: { 's3:prefix': 'a' } } })],
    {},
    'allow',
  ],
  [
    'a prefix may be like a pattern',
    [statement({ Condition: { StringLike: { 's3:prefix': 'a/*' } } })],
    { facts: { 's3:prefix': 'a/b' } },
    'allow',
  ],
  [
    'or must not be',
    [statement({ Condition: { StringNotLike: { 's3:prefix': 'a/*' } } })],
    { facts: { 's3:prefix': 'a/b' } },
    'silent',
  ],
  [
    'all conditions must hold',
    [statement({ Condition: { StringEquals: { 's3:prefix': 'a', 's3:delimiter': '/' } } })],
    { facts: { 's3:prefix': 'a' } },
    'silent',
  ],
] as const

for (const [name, statements, asked, verdict] of judged)
  test(`by a policy ${name}`, () => {
    assert.equal(judge(policyOf(...statements), question(asked)), verdict)
  })

const refused = [
  ['no JSON', 'x'],
  ['a list', '[]'],
  ['no statement', '{"Statement":[]}'],
  ['an unknown version', '{"Version":"2020-01-01","Statement":{}}'],
  ['a foreign field', JSON.stringify({ Statement: [statement({ Extra: 1 })] })],
  ['an effect that is neither', JSON.stringify({ Statement: [statement({ Effect: 'Maybe' })] })],
  ['nobody in it', JSON.stringify({ Statement: [statement({ Principal: undefined })] })],
  [
    'a principal of another kind',
    JSON.stringify({ Statement: [statement({ Principal: { Service: 'x' } })] }),
  ],
  ['NotPrincipal', JSON.stringify({ Statement: [statement({ NotPrincipal: '*' })] })],
  ['no action', JSON.stringify({ Statement: [statement({ Action: undefined })] })],
  ['Action and NotAction', JSON.stringify({ Statement: [statement({ NotAction: 's3:*' })] })],
  ['an action of something else', JSON.stringify({ Statement: [statement({ Action: 'ec2:*' })] })],
  [
    'another bucket',
    JSON.stringify({ Statement: [statement({ Resource: 'arn:aws:s3:::other/*' })] }),
  ],
  ['every bucket', JSON.stringify({ Statement: [statement({ Resource: '*' })] })],
  [
    'an unknown operator',
    JSON.stringify({
      Statement: [statement({ Condition: { DateLessThan: { 'aws:CurrentTime': '2027' } } })],
    }),
  ],
  [
    'an unknown condition',
    JSON.stringify({
      Statement: [statement({ Condition: { StringEquals: { 'aws:username': 'x' } } })],
    }),
  ],
  [
    'a range that is none',
    JSON.stringify({
      Statement: [statement({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } } })],
    }),
  ],
  [
    'too many statements',
    JSON.stringify({ Statement: Array.from({ length: 65 }, () => statement()) }),
  ],
] as const

for (const [what, text] of refused)
  test(`a policy with ${what} is refused when it is set`, () => {
    assert.throws(
      () => readPolicy(text, 'films'),
      error => error instanceof S3Error && error.code === 'MalformedPolicy',
    )
  })

test('a policy is public that lets everybody in from anywhere', () => {
  assert.ok(isPublic(policyOf(statement())))
  assert.ok(!isPublic(policyOf(statement({ Principal: { AWS: 'HFX' } }))))
  assert.ok(!isPublic(policyOf(statement({ Effect: 'Deny' }))))
  assert.ok(
    !isPublic(policyOf(statement({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }))),
  )
})

test('patterns hold whatever stars and marks they are made of, and soon', () => {
  for (const [text, pattern, is] of [
    ['', '', true],
    ['', '*', true],
    ['abc', 'a*c', true],
    ['abc', 'a?c', true],
    ['abc', 'a?', false],
    ['abc', '*b', false],
    ['a*c', 'a*c', true],
    ['mississippi', '*iss*pi', true],
    ['[a]', '[a]', true],
  ] as const)
    assert.equal(isLike(text, pattern), is, `${text} like ${pattern}`)
  assert.ok(!isLike('a'.repeat(2000), `${'*a'.repeat(500)}b`))
})
