import { ALGORITHM, scopeText, sign, SigningKeys, stringToSign } from './signature.ts'
import { encodeUri, targetOf } from './target.ts'

/** What a link is to. */
export interface LinkWish {
  /** `http:` or `https:`, and the host that it is asked of. */
  readonly protocol: string
  readonly host: string
  readonly bucket: string
  readonly key: string
  readonly version: string | undefined
  /** Under which name browsers save it, instead of showing it. */
  readonly saveAs: string | undefined
  readonly expiresSeconds: number
}

export interface LinkKey {
  readonly id: string
  readonly secret: string
}

/**
 * A presigned URL: whoever has it can read this object until it expires, or the key that signed it is
 * revoked. By path, whatever the host, so that it leads to the peer that was asked.
 */
export function presign(
  { protocol, host, bucket, key, version, saveAs, expiresSeconds }: LinkWish,
  { id, secret }: LinkKey,
  { region, nowMs }: { readonly region: string; readonly nowMs: number },
): string {
  const moment = new Date(nowMs).toISOString().replaceAll(/[:-]|\.\d+/g, '')
  const scope = { date: moment.slice(0, 8), region, service: 's3' }
  const pairs = [
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', `${id}/${scopeText(scope)}`],
    ['X-Amz-Date', moment],
    ['X-Amz-Expires', String(expiresSeconds)],
    ['X-Amz-SignedHeaders', 'host'],
    ...(saveAs === undefined ? [] : [['response-content-disposition', attachment(saveAs)]]),
    ...(version === undefined ? [] : [['versionId', version]]),
  ]
  const query = pairs.map(pair => pair.map(encodeUri).join('=')).join('&')
  const path = `/${bucket}/${key.split('/').map(encodeUri).join('/')}`
  const target = targetOf(`${path}?${query}`, host, [])
  const text = stringToSign(
    {
      method: 'GET',
      path: target.canonicalPath,
      query: target.query,
      headers: [['host', host]],
      payload: 'UNSIGNED-PAYLOAD',
    },
    moment,
    scope,
  )
  const signature = sign(new SigningKeys().get(id, secret, scope), text)
  return `${protocol}//${host}${path}?${query}&X-Amz-Signature=${signature}`
}

/** Whatever it is called: a name is percent-encoded, so nothing of it ends the header. */
const attachment = (name: string): string => `attachment; filename*=UTF-8''${encodeUri(name)}`
