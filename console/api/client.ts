import { type Signal, signal } from '@preact/signals'

import { encoded } from '../logic/route.ts'

/** Why a request failed: what the gateway said, or that it said nothing. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** 0 if there was no answer. */
  readonly status: number
  /** Of docs/errors.md, or `UNREACHABLE`. */
  readonly code: string

  constructor(message: string, status: number, code: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Whether somebody is signed in; undefined until that was asked. */
export const isSignedIn: Signal<boolean | undefined> = signal<boolean | undefined>(undefined)

let csrf = 'none'

/** What a request that changes something says of itself: pages of other origins cannot. */
export const csrfHeaders = (): Readonly<Record<string, string>> => ({ 'x-holdfast-csrf': csrf })

/** From now on requests are made in this session. */
export function setCsrf(value: string): void {
  csrf = value
}

export interface RequestOptions {
  readonly body?: unknown
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/** Asks the gateway; JSON both ways. */
export async function request<Answer>(
  method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT',
  path: string,
  { body, query = {}, headers = {}, signal: aborting }: RequestOptions = {},
): Promise<Answer> {
  let response: Response
  try {
    response = await fetch(path + queryText(query), {
      method,
      headers: {
        ...(method !== 'GET' && csrfHeaders()),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(aborting !== undefined && { signal: aborting }),
      credentials: 'same-origin',
    })
  } catch (error) {
    if (aborting?.aborted === true) throw error
    throw new ApiError('This peer does not answer.', 0, 'UNREACHABLE')
  }
  const text = await response.text()
  if (!response.ok) throw errorOf(response.status, text)
  return (text === '' ? undefined : JSON.parse(text)) as Answer
}

export const get = <Answer>(path: string, options?: RequestOptions): Promise<Answer> =>
  request<Answer>('GET', path, options)

/** What an answer with an error says; whoever is not signed in is shown the way to do it. */
export function errorOf(status: number, text: string): ApiError {
  if (status === 401) isSignedIn.value = false
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } }
    return new ApiError(error.message, status, error.code)
  } catch {
    return new ApiError(`The gateway answered ${status}.`, status, 'INTERNAL')
  }
}

/** `?a=1&b=2`, or nothing. */
export function queryText(query: NonNullable<RequestOptions['query']>): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encoded(String(value))}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/**
 * `/api/v1/stat/films/a%2Fb`. The key is one encoded segment: a browser would fold its dots and
 * slashes.
 */
export const pathOf = (what: string, bucket: string, key: string): string =>
  `/api/v1/${what}/${encoded(bucket)}/${encoded(key)}`

/** Failures that another attempt may do away with, of agreement or of the way there. */
export const isQuorumLost = (error: ApiError): boolean =>
  ['NO_QUORUM', 'OUTCOME_UNKNOWN', 'TIMEOUT', 'SHARD_MOVED'].includes(error.code)
