/**
 * A bucket as a website, for browsers: at a host of its own, to whoever may read its objects without
 * saying who they are. What is asked for is, in this order:
 *
 * 1. everything elsewhere, if the bucket says so; or elsewhere by a rule for how the key begins;
 * 2. the object, or in place of a folder its index document; an object may point elsewhere itself;
 * 3. where there is none: the folder of that name, if it has an index document; elsewhere by a rule
 *    for what went wrong; the error document; a page that says what went wrong.
 *
 * Nothing else of S3 is to be had here: no other methods, no versions, no signatures.
 */
import { pipeline } from 'node:stream/promises'

import { spellUrl } from './lists.ts'
import { objectHeaders } from './object-answer.ts'
import { getObject, headObject } from './read-object.ts'
import { bucketOf, type S3Answer, type S3Call } from './s3-call.ts'
import { S3Error } from './s3-error.ts'
import { Query } from './target.ts'
import { translateFailure } from './translate-failure.ts'
import type { RoutingRule, Website } from './website-rules.ts'

const REDIRECT_HEADER = 'x-amz-website-redirect-location'
const MOVED = 301
const FOUND = 302

/** Nothing if it has answered already. */
export async function showWebsite(asked: S3Call): Promise<S3Answer | undefined> {
  const call = { ...asked, target: { ...asked.target, query: new Query([]) } }
  const key = call.target.key ?? ''
  const site = await siteOf(call)
  if (site instanceof S3Error) return page(site)
  if (site.redirect !== undefined) return elsewhere(call, { ...site.redirect, key })
  const rule = site.rules?.find(each => each.status === undefined && isFor(each, key))
  if (rule !== undefined) return byRule(call, rule, key)
  try {
    return await showObject(call, isFolder(key) ? key + (site.index ?? '') : key)
  } catch (error) {
    if (call.response.headersSent) throw error
    return instead(call, site, translateFailure(error))
  }
}

async function siteOf(call: S3Call): Promise<Website | S3Error> {
  const { method = '' } = call.request
  if (method !== 'GET' && method !== 'HEAD')
    return new S3Error('MethodNotAllowed', 'The specified method is not allowed', {
      headers: { allow: 'GET, HEAD' },
    })
  const site = await call.facts.get(bucketOf(call), 'website')
  if (site !== undefined) return site
  return new S3Error('NoSuchWebsiteConfiguration', 'There is no website at this address')
}

const isFolder = (key: string): boolean => key === '' || key.endsWith('/')

async function showObject(call: S3Call, key: string): Promise<S3Answer | undefined> {
  const bucket = bucketOf(call)
  await call.demand('s3:GetObject', bucket, key)
  const { headers } = await call.store.head({ bucket, key }, { signal: call.signal })
  const location = headers[REDIRECT_HEADER]
  if (location !== undefined) return { status: MOVED, headers: { location } }
  const there = { ...call, target: { ...call.target, key } }
  return call.request.method === 'HEAD' ? headObject(there) : getObject(there)
}

/** Of an object that there is not, or not for everybody. */
async function instead(
  call: S3Call,
  site: Website,
  failure: S3Error,
): Promise<S3Answer | undefined> {
  const key = call.target.key ?? ''
  const { status } = failure
  if (status === 404 && !isFolder(key) && (await isShown(call, `${key}/${site.index ?? ''}`)))
    return { status: FOUND, headers: { location: `/${spellUrl(key)}/` } }
  const rule = site.rules?.find(each => each.status === status && isFor(each, key))
  if (rule !== undefined) return byRule(call, rule, key)
  if (site.error === undefined || status >= 500) return page(failure)
  return showError(call, site.error, failure)
}

async function isShown(call: S3Call, key: string): Promise<boolean> {
  const bucket = bucketOf(call)
  try {
    await call.demand('s3:GetObject', bucket, key)
    await call.store.head({ bucket, key }, { signal: call.signal })
    return true
  } catch (error) {
    if (translateFailure(error).status >= 500) throw error
    return false
  }
}

async function showError(
  call: S3Call,
  key: string,
  failure: S3Error,
): Promise<S3Answer | undefined> {
  const { store, signal, response, request } = call
  const bucket = bucketOf(call)
  if (!(await isShown(call, key))) return page(failure)
  const reading = await store.get({ bucket, key }, { signal })
  const headers = objectHeaders(call, reading, undefined)
  response.writeHead(failure.status, { ...headers, 'content-length': String(reading.sizeBytes) })
  if (request.method === 'HEAD') response.end()
  else await pipeline(reading.body, response, { signal })
  return undefined
}

const isFor = ({ prefix = '' }: RoutingRule, key: string): boolean => key.startsWith(prefix)

function byRule(call: S3Call, { prefix = '', redirect }: RoutingRule, key: string): S3Answer {
  const { keyPrefix, key: whole, ...where } = redirect
  const changed = keyPrefix === undefined ? key : keyPrefix + key.slice(prefix.length)
  return elsewhere(call, { ...where, key: whole ?? changed })
}

function elsewhere(
  { request }: S3Call,
  { host, protocol, key, status = MOVED }: RoutingRule['redirect'] & { readonly key: string },
): S3Answer {
  const own = 'encrypted' in request.socket ? 'https' : 'http'
  const location = `${protocol ?? own}://${host ?? request.headers.host ?? ''}/${spellUrl(key)}`
  return { status, headers: { location } }
}

function page({ status, code, message, headers }: S3Error): S3Answer {
  const text = `<!doctype html><html><head><title>${status}</title></head><body><h1>${status} ${code}</h1><p>${escaped(message)}</p></body></html>\n`
  return { status, headers: { ...headers, 'content-type': 'text/html; charset=utf-8' }, text }
}

const escaped = (text: string): string =>
  text.replaceAll(/[<>&"]/g, character => `&#${character.charCodeAt(0)};`)
