import { type Signal, signal } from '@preact/signals'

import type { SessionView } from '../../src/gateway/console/views/session.ts'
import { ApiError, get, isSignedIn, request, setCsrf } from './client.ts'
import { startLive, stopLive } from './live.ts'
import { forget } from './store.ts'

/** Who serves this console, once somebody is signed in. */
export const session: Signal<SessionView | undefined> = signal<SessionView | undefined>(undefined)

const LINK = /^#login=(.+)$/

/**
 * Takes up the session that the browser has, or the one that a one-time link promises. The code is
 * taken out of the address at once: it must not stay in the history.
 */
export async function resume(): Promise<ApiError | undefined> {
  const [, code] = LINK.exec(location.hash) ?? []
  if (code !== undefined) {
    history.replaceState(undefined, '', `${location.pathname}#/overview`)
    return signIn({ code: decodeURIComponent(code) })
  }
  try {
    begin(await get<SessionView>('/api/v1/session'))
    return undefined
  } catch (error) {
    isSignedIn.value = false
    const failure = error instanceof ApiError ? error : undefined
    return failure?.status === 401 ? undefined : failure
  }
}

/** With a one-time code or the admin token. */
export async function signIn(
  by: { readonly code: string } | { readonly token: string },
): Promise<ApiError | undefined> {
  try {
    begin(await request<SessionView>('POST', '/api/v1/session', { body: by }))
    return undefined
  } catch (error) {
    isSignedIn.value = false
    return error instanceof ApiError ? error : new ApiError(String(error), 0, 'INTERNAL')
  }
}

export async function signOut(): Promise<void> {
  // Whether or not the gateway heard it, this page shows nothing any more.
  await request('DELETE', '/api/v1/session').catch(() => undefined)
  session.value = undefined
  isSignedIn.value = false
}

function begin(view: SessionView): void {
  setCsrf(view.csrf)
  session.value = view
  isSignedIn.value = true
}

isSignedIn.subscribe(isIn => {
  if (isIn === true) return startLive()
  stopLive()
  return forget()
})
