/**
 * What the console is told: the JSON of every answer and every server-sent event that its pages are
 * made of. Types alone, and of nothing but JSON, so that a page can import them and nothing with them.
 *
 * Names (of peers, zones, buckets, objects) are whatever somebody chose them to be: show them as text.
 * Times are ISO 8601 in UTC; `…Ms` are milliseconds, `…Bytes` bytes, shares are from 0 to 1. A field
 * that is undefined in the program is missing in JSON; null says "not known".
 */

/**
 * `GET /api/v1/session` (401 without one), and the answer of `POST /api/v1/session`, whose body is
 * `{"code"}` of a one-time link (`/console/#login=CODE`) or `{"token"}`. The cookie comes beside it.
 * `DELETE /api/v1/session` ends it. All requests but GET and HEAD need `x-holdfast-csrf`.
 */
export interface SessionView {
  readonly csrf: string
  /** It is prolonged by use; this is when it ends without. */
  readonly expiresAt: string
  /** The peer that serves the console. */
  readonly peer: string
  readonly name: string
  readonly version: string
  readonly network: string
  readonly dataDirectory: string
  /** Whether this peer can invite and ban. */
  readonly isAuthority: boolean
  /** `holdfast` or `npm run holdfast --`: how commands that are shown begin. */
  readonly program: string
}

/** Every error: `{"error": …}`; `code` as in docs/errors.md and docs/http.md. */
export interface ErrorAnswer {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly details?: Readonly<Record<string, unknown>>
  }
}
