/**
 * Whether who asks may do it. A bucket's policy is heard first: its denial stands against everybody
 * who is not the bucket's administrator changing that very policy, and its grant is enough. What it
 * does not speak of is for the key's own rights; somebody unknown has none.
 */
import type { IncomingMessage } from 'node:http'

import type { AccessKey } from '../keys/access-key.ts'
import { type Ability, mayDo } from '../keys/rights.ts'
import type { BucketFacts } from './bucket-facts.ts'
import { judge, type PolicyQuestion, type PolicyVerdict } from './policy.ts'
import { S3Error } from './s3-error.ts'
import type { Query } from './target.ts'

export interface Asker {
  readonly key: AccessKey | undefined
  readonly request: IncomingMessage
  readonly query: Query
  readonly facts: BucketFacts
}

export interface Asked {
  readonly action: string
  readonly ability: Ability
  readonly bucket: string | undefined
  readonly key: string | undefined
}

const policyActions = ['s3:GetBucketPolicy', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy']

/** @throws {S3Error} `AccessDenied` */
export async function authorize(asker: Asker, asked: Asked): Promise<void> {
  const { bucket, ability, action } = asked
  if (asked.bucket === undefined && asker.key !== undefined) return
  const verdict = bucket === undefined ? 'silent' : await verdictOf(asker, { ...asked, bucket })
  const rights = asker.key?.rights ?? []
  const isRight = mayDo(rights, { ability, bucket, key: keyAsked(asked, asker) })
  // A policy that shuts everybody out must not shut out who could take it back.
  if (verdict === 'deny' && !(isRight && policyActions.includes(action))) throw denied()
  if (verdict !== 'allow' && !isRight) throw denied()
}

/** A list is about what lies below its prefix; without one, about everything. */
function keyAsked({ key, action }: Asked, { request, query }: Asker): string | undefined {
  const isList = key === undefined && request.method === 'GET' && action.startsWith('s3:ListBucket')
  return isList ? (query.get('prefix') ?? '') : key
}

/** What an action needs that an operation asks for besides its own. */
export function abilityFor(action: string): Ability {
  if (action.startsWith('s3:Get')) return 'read'
  return action.startsWith('s3:Bypass') ? 'admin' : 'write'
}

async function verdictOf(
  { key, request, query, facts }: Asker,
  asked: Asked & { readonly bucket: string },
): Promise<PolicyVerdict> {
  const policy = await facts.get(asked.bucket, 'policy')
  if (policy === undefined) return 'silent'
  const question: PolicyQuestion = {
    principal: key?.id,
    action: asked.action,
    resource: asked.key === undefined ? asked.bucket : `${asked.bucket}/${asked.key}`,
    facts: factsOf(request, query),
  }
  const verdict = judge(policy, question)
  if (verdict !== 'allow' || key !== undefined) return verdict
  const access = await facts.get(asked.bucket, 'public-access')
  return access?.restrictPublicBuckets === true ? 'silent' : 'allow'
}

function factsOf({ headers, socket }: IncomingMessage, query: Query): PolicyQuestion['facts'] {
  const texts = {
    'aws:SourceIp': socket.remoteAddress,
    'aws:SecureTransport': String('encrypted' in socket),
    'aws:Referer': headers.referer,
    'aws:UserAgent': headers['user-agent'],
    's3:prefix': query.get('prefix'),
    's3:delimiter': query.get('delimiter'),
  }
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined))
}

const denied = (): S3Error => new S3Error('AccessDenied', 'Access Denied')
