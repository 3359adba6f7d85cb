import { Attempts } from './attempts.ts'
import { Sessions } from './sessions.ts'

/** How the program that runs this peer is called by people. */
export interface Words {
  /** What commands begin with that are shown. */
  readonly program: string
  /** What a peer is started with. */
  readonly up: string
}

export const plainWords: Words = { program: 'holdfast', up: 'holdfast up' }

/** Who may use a gateway, and how they come in. */
export class Access {
  readonly token: string
  readonly words: Words
  readonly sessions: Sessions
  readonly attempts: Attempts
  /** Where the gateway listens, once it does. */
  url = ''

  constructor({ token, words, nowMs }: { token: string; words: Words; nowMs: () => number }) {
    this.token = token
    this.words = words
    this.sessions = new Sessions({ token, nowMs })
    this.attempts = new Attempts(nowMs)
  }

  /** A link into the console that is good once. Its code stays in the browser that follows it. */
  loginLink(): string {
    return `${this.url}/console/#login=${this.sessions.makeLink()}`
  }
}
