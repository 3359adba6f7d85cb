import type { LinkView } from './console/views/objects.ts'
import { onlyFields, optionalFlag, optionalNatural, optionalText } from './fields.ts'
import { isEncrypted } from './guard.ts'
import { HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import type { AccessKey } from './keys/access-key.ts'
import type { KeyRing } from './keys/key-ring.ts'
import type { Right } from './keys/rights.ts'
import { placeIn } from './object-api.ts'
import type { Answer, Call, Route } from './route.ts'
import { presign } from './s3/presign.ts'

const HOUR_MS = 3_600_000
/** As S3 has it. */
const LINK_MS_MAX = 7 * 24 * HOUR_MS
/** All links are signed by one key, which can be revoked, and them with it. */
const KEY_NAME = 'shared links'
const RIGHTS: readonly Right[] = [{ bucket: '*', prefix: '', allows: ['read'] }]

/** Links to single objects, for people who have no key. */
export const linkRoutes: readonly Route[] = [{ method: 'POST', path: '/api/v1/links', run: link }]

/** `bucket`, `key`; `version`, `expiresInMs`, `isDownload`. */
async function link(call: Call): Promise<Answer> {
  const { request, keys, signal, node } = call
  if (keys === undefined)
    throw new HttpError(404, 'This peer serves no S3, so nothing can be shared')
  const body = await jsonBody(call)
  onlyFields(body, ['bucket', 'key', 'version', 'expiresInMs', 'isDownload'])
  const place = placeIn(body)
  const version = optionalText(body, 'version')
  const expiresInMs = optionalNatural(body, 'expiresInMs') ?? HOUR_MS
  if (expiresInMs < 1_000 || expiresInMs > LINK_MS_MAX)
    throw new HttpError(400, 'expiresInMs is from a second to a week')
  // What is not there is not shared, and who asks is told so at once.
  const { needsKey } = await node.head(place, { version, signal })
  if (needsKey) throw new HttpError(400, 'Who gets the link would need the key of the object, too')
  const nowMs = Date.now()
  const expiresSeconds = Math.floor(expiresInMs / 1_000)
  const wish = {
    protocol: isEncrypted(request) ? 'https:' : 'http:',
    host: request.headers.host ?? '',
    ...place,
    version,
    saveAs: optionalFlag(body, 'isDownload') === true ? place.key.split('/').at(-1) : undefined,
    expiresSeconds,
  }
  const url = presign(wish, await linkKey(keys, signal), { region: call.region, nowMs })
  const expiresAt = new Date(nowMs + expiresSeconds * 1_000).toISOString()
  return { status: 201, body: { url, expiresAt } satisfies LinkView }
}

/** The key that signs links, made by the first one. */
async function linkKey(keys: KeyRing, signal: AbortSignal): Promise<AccessKey> {
  const known = (await keys.list(signal)).find(({ name }) => name === KEY_NAME)
  const key = known === undefined ? undefined : await keys.find(known.id)
  return key ?? keys.create({ name: KEY_NAME, rights: RIGHTS, signal })
}
