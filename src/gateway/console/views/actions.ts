/** The answer of `POST /api/v1/invites`: `role`, `uses`, `expiresInMs`, `zone`. */
export interface InviteView {
  readonly token: string
  /** To be pasted where the new peer is to run. */
  readonly command: string
  readonly expiresAt: string
}

/** The answer of `PATCH /api/v1/peers/:peer` with `name`; an empty one takes the rename back. */
export interface RenamedView {
  readonly peer: string
  readonly name: string
}
