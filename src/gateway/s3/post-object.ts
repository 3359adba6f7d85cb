/** POST of a form to a bucket: how a browser uploads without a script, by a policy signed before. */
import type { IncomingHttpHeaders } from 'node:http'

import type { AccessKey } from '../keys/access-key.ts'
import { algorithmNamed } from './checksum.ts'
import { checkedMoment, credentialIn } from './claim.ts'
import { customerKey } from './encryption.ts'
import { type Form, readForm } from './form-reader.ts'
import { Inspection } from './integrity.ts'
import { versionHeader } from './object-answer.ts'
import { settingsIn } from './object-settings.ts'
import { checkPostPolicy, type FormFields, lengthsOf, readPostPolicy } from './post-policy.ts'
import { bucketOf, type S3Answer, type S3Call } from './s3-call.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { ALGORITHM, isSame, sign, type SigningKeys } from './signature.ts'
import { checkKey, encodeUri } from './target.ts'
import { element, rootElement } from './xml-writer.ts'

export interface PostOptions {
  readonly keys: { readonly find: (id: string) => Promise<AccessKey | undefined> }
  readonly region: string
  readonly signingKeys: SigningKeys
  readonly nowMs: () => number
  readonly authorize: (
    key: AccessKey | undefined,
    place: { readonly bucket: string; readonly key: string },
  ) => Promise<void>
}

/** Fields that are headers of the object. */
const headerFields =
  /^(cache-control|content-(disposition|encoding|type)|expires|x-amz-.*|acl|tagging)$/

export async function postObject(call: S3Call, options: PostOptions): Promise<S3Answer> {
  const bucket = bucketOf(call)
  call.invite()
  const raw = call.request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  const form = await readForm(raw, call.request.headers['content-type'] ?? '')
  const key = keyIn(form)
  const fields = new Map(form.fields).set('bucket', bucket)
  const { asker, lengths } = await judge(fields, options)
  await options.authorize(asker, { bucket, key })
  const formCall = { ...call, request: requestLike(call, form), key: asker }
  if (customerKey(formCall) !== undefined) throw notImplemented('customer keys in forms')
  const settings = settingsIn(formCall)
  const inspection = await Inspection.start(declaredIn(form.fields))
  const written = await call.store.put(
    { bucket, key },
    bounded(inspection.watch(form.file), lengths.most),
    {
      ...settings,
      settle({ md5, sizeBytes }) {
        if (sizeBytes < lengths.least)
          throw new S3Error(
            'EntityTooSmall',
            'Your proposed upload is smaller than the minimum allowed size',
          )
        return { checksums: inspection.conclude(md5) }
      },
      signal: call.signal,
    },
  )
  return answerOf(call, form.fields, { bucket, key, ...written })
}

function keyIn({ fields, fileName }: Form): string {
  const key = fields.get('key')
  if (key === undefined || key === '')
    throw new S3Error('InvalidArgument', "Bucket POST must contain a field named 'key'.")
  // Some browsers send the whole path.
  return checkKey(key.replaceAll('${filename}', () => fileName.replace(/^.*[\\/]/, '')))
}

/** Who signed the policy, and what it allows. Without one it is somebody unknown. */
async function judge(fields: FormFields, options: PostOptions) {
  const policyText = fields.get('policy')
  if (policyText === undefined)
    return { asker: undefined, lengths: lengthsOf({ expiresMs: 0, conditions: [] }) }
  const { keyId, scope } = credentialIn(fields.get('x-amz-credential') ?? '', malformed)
  checkedMoment(fields.get('x-amz-date') ?? '', scope, malformed)
  if (fields.get('x-amz-algorithm') !== ALGORITHM) throw malformed('the algorithm is unknown')
  if (scope.region !== options.region)
    throw malformed(`the region is wrong; expecting '${options.region}'`)
  const asker = await options.keys.find(keyId)
  if (asker === undefined)
    throw new S3Error(
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records',
    )
  const expected = sign(options.signingKeys.get(asker.id, asker.secret, scope), policyText)
  if (!isSame(fields.get('x-amz-signature') ?? '', expected))
    throw new S3Error('SignatureDoesNotMatch', 'The signature of the policy does not match')
  const policy = readPostPolicy(policyText)
  checkPostPolicy(policy, fields, options.nowMs())
  return { asker, lengths: lengthsOf(policy) }
}

/** The fields of a form as the headers that a PUT would have. */
function requestLike(call: S3Call, { fields, fileType }: Form): S3Call['request'] {
  const named = Object.fromEntries(
    [...fields]
      .filter(([name]) => headerFields.test(name))
      .map(([name, value]) => [
        name === 'acl' ? 'x-amz-acl' : name === 'tagging' ? 'x-amz-tagging' : name,
        asWire(value),
      ]),
  )
  const headers: IncomingHttpHeaders = { 'content-type': fileType, ...named }
  return Object.create(call.request, { headers: { value: headers } }) as S3Call['request']
}

/** As Node shows a header that came over the wire. */
const asWire = (value: string): string => Buffer.from(value, 'utf8').toString('latin1')

function declaredIn(fields: FormFields) {
  const [found] = [...fields].flatMap(([name, digest]) => {
    const algorithm = name.startsWith('x-amz-checksum-')
      ? algorithmNamed(name.slice(15))
      : undefined
    return algorithm === undefined ? [] : [{ algorithm, digest, isTrailing: false }]
  })
  return { md5: undefined, sha256: undefined, sizeBytes: undefined, checksum: found }
}

async function* bounded(
  source: AsyncIterable<Uint8Array>,
  most: number,
): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const bytes of source) {
    size += bytes.length
    if (size > most)
      throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
        fields: { MaxSizeAllowed: String(most) },
      })
    yield bytes
  }
}

function answerOf(
  call: S3Call,
  fields: FormFields,
  { bucket, key, etag, version }: { bucket: string; key: string; etag: string; version: string },
): S3Answer {
  const location = `http://${call.request.headers.host ?? ''}/${bucket}/${encodeUri(key).replaceAll('%2F', '/')}`
  const headers = { etag: `"${etag}"`, location, ...versionHeader(call, version) }
  const redirect = fields.get('success_action_redirect') ?? fields.get('redirect')
  if (redirect !== undefined && /^https?:\/\/[!-~]+$/.test(redirect)) {
    const more = `bucket=${bucket}&key=${encodeUri(key)}&etag=%22${etag}%22`
    return {
      status: 303,
      headers: { ...headers, location: `${redirect}${redirect.includes('?') ? '&' : '?'}${more}` },
    }
  }
  const status = fields.get('success_action_status')
  if (status === '200') return { status: 200, headers }
  if (status !== '201') return { status: 204, headers }
  const xml = rootElement(
    'PostResponse',
    element('Location', location),
    element('Bucket', bucket),
    element('Key', key),
    element('ETag', `"${etag}"`),
  )
  return { status: 201, headers, xml }
}

const malformed = (why: string): S3Error =>
  new S3Error('AuthorizationQueryParametersError', `The form's authorization is malformed; ${why}`)
