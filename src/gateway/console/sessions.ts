/**
 * Who has logged in with a browser. A session begins with the peer's token, or with the code of a
 * one-time link that somebody made who has the token; it lives in memory, and ends when it is left,
 * unused for long, old, or crowded out by newer ones.
 *
 * Codes and sessions are kept by their hashes only: what is found in a dump of this memory logs
 * nobody in. All of it is bounded, and everything that waits for a reply is: what a session has
 * opened ends with it.
 */
import { drawSecret, fingerprint, isSame } from './secrets.ts'

/** Links that were made and not used. The oldest makes room. */
const LINKS_MAX = 32
/** A link is for somebody who is about to follow it. */
export const LINK_MS = 3_600_000
const SESSIONS_MAX = 64
/** A session ends when it has not been used for this long … */
export const IDLE_MS: number = 12 * 3_600_000
/** … and when it is this old, whatever is done with it. */
export const LIFE_MS: number = 7 * 24 * 3_600_000

/** Somebody who has logged in. */
export interface Session {
  /** Must come with all that changes anything: a page elsewhere does not know it. */
  readonly csrf: string
  readonly begunMs: number
  /** When it was last used. */
  usedMs: number
  /** Aborts when it is over. */
  readonly ended: AbortSignal
}

interface Kept extends Session {
  readonly end: () => void
}

export interface SessionsOptions {
  readonly token: string
  readonly nowMs: () => number
}

export class Sessions {
  readonly #options: SessionsOptions
  /** When each unused link is over, by the hash of its code; the oldest first. */
  readonly #links = new Map<string, number>()
  /** By the hash of the cookie; the one that was used longest ago first. */
  readonly #sessions = new Map<string, Kept>()

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /** How many are logged in. */
  get size(): number {
    this.sweep()
    return this.#sessions.size
  }

  /** The code of a new link, good for one login within the hour. */
  makeLink(): string {
    this.sweep()
    dropOldest(this.#links, LINKS_MAX)
    const code = drawSecret()
    this.#links.set(fingerprint(code), this.#options.nowMs() + LINK_MS)
    return code
  }

  /** Uses up a link, if there is one of this code. */
  useLink(code: string): boolean {
    this.sweep()
    return this.#links.delete(fingerprint(code))
  }

  /** Whether this is the token of the peer. */
  knows(token: string): boolean {
    return isSame(token, this.#options.token)
  }

  /** Begins a session; the cookie is told only now. */
  begin(): { readonly cookie: string; readonly session: Session } {
    this.sweep()
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size >= SESSIONS_MAX && oldest !== undefined) this.#end(oldest)
    const cookie = drawSecret()
    const nowMs = this.#options.nowMs()
    const controller = new AbortController()
    const session = {
      csrf: drawSecret(),
      begunMs: nowMs,
      usedMs: nowMs,
      ended: controller.signal,
      end: () => controller.abort(new Error('the session is over')),
    }
    this.#sessions.set(fingerprint(cookie), session)
    return { cookie, session }
  }

  /** The session of a cookie, which is thereby in use; undefined if there is none. */
  find(cookie: string): Session | undefined {
    this.sweep()
    const name = fingerprint(cookie)
    const session = this.#sessions.get(name)
    if (session === undefined) return undefined
    session.usedMs = this.#options.nowMs()
    this.#sessions.delete(name)
    this.#sessions.set(name, session)
    return session
  }

  /** Leaves a session; what it had opened ends. */
  leave(cookie: string): void {
    this.#end(fingerprint(cookie))
  }

  /** When a session ends if nobody uses it any more. */
  endOf({ begunMs, usedMs }: Session): number {
    return Math.min(begunMs + LIFE_MS, usedMs + IDLE_MS)
  }

  /** Ends what has had its time. */
  sweep(): void {
    const nowMs = this.#options.nowMs()
    for (const [name, endMs] of this.#links) if (endMs <= nowMs) this.#links.delete(name)
    for (const [name, session] of this.#sessions) if (this.endOf(session) <= nowMs) this.#end(name)
  }

  close(): void {
    this.#links.clear()
    for (const name of this.#sessions.keys()) this.#end(name)
  }

  #end(name: string): void {
    this.#sessions.get(name)?.end()
    this.#sessions.delete(name)
  }
}

function dropOldest(kept: Map<string, unknown>, most: number): void {
  const [oldest] = kept.keys()
  if (kept.size >= most && oldest !== undefined) kept.delete(oldest)
}
