/**
 * The way to NTP servers: datagrams to names, and unguessable bytes. Real over UDP, or simulated.
 * Messages may be lost, doubled, late, forged; whoever uses this matches them by their cookie.
 */
export interface NtpPort {
  /** Sends at once, or not at all: a name that is still being looked up, a host that is gone. */
  send(server: string, bytes: Uint8Array): void
  /** The handler is called as soon as a message arrives. */
  onMessage(handler: (bytes: Uint8Array) => void): void
  /** Eight bytes that nobody can guess. */
  cookie(): Uint8Array
  close(): void
}
