import { toHex } from '../../base/bytes.ts'
import type { Clock } from '../../base/environment.ts'
import type { Exchange } from '../../clock/sample.ts'
import { cookieOf, decodeSntpAnswer, encodeSntpRequest } from '../../clock/sntp.ts'
import type { NtpPort } from './ntp-port.ts'
import { Outstanding } from './outstanding.ts'

export interface NtpClientOptions {
  readonly port: NtpPort
  readonly clock: Clock
  /** About what time it is, to tell the era of a timestamp. */
  readonly nearMs: () => number
  readonly onAnswer: (server: string, exchange: Exchange) => void
  readonly onRefusal: (server: string, reason: string) => void
}

/** Asks NTP servers and takes the four readings. */
export class NtpClient {
  readonly #options: NtpClientOptions
  readonly #outstanding = new Outstanding<string>()

  constructor(options: NtpClientOptions) {
    this.#options = options
    options.port.onMessage(bytes => this.#receive(bytes))
  }

  ask(server: string): void {
    const { port, clock } = this.#options
    const cookie = port.cookie()
    const request = encodeSntpRequest(cookie)
    this.#outstanding.add(toHex(cookie), server, clock.monotonicMs())
    port.send(server, request)
  }

  #receive(bytes: Uint8Array): void {
    const receivedMs = this.#options.clock.monotonicMs()
    const cookie = cookieOf(bytes)
    const question = cookie === undefined ? undefined : this.#outstanding.take(toHex(cookie))
    if (question === undefined) return
    const { to, sentMs } = question
    const answer = decodeSntpAnswer(bytes, this.#options.nearMs())
    if (typeof answer === 'string') {
      this.#options.onRefusal(to, answer)
      return
    }
    this.#options.onAnswer(to, {
      sentMs,
      receivedMs,
      remoteReceivedMs: answer.receivedMs,
      remoteSentMs: answer.sentMs,
      boundMs: answer.boundMs,
    })
  }
}
