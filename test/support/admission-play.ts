import assert from 'node:assert/strict'

import type { PeerId } from '../../src/base/environment.ts'
import type { HoldfastError } from '../../src/base/errors.ts'
import {
  encodeJoinRequest,
  JOIN_PROTOCOL,
  type JoinRequest,
} from '../../src/node/admission/join-messages.ts'
import { SimNetwork } from '../sim/sim-network.ts'
import { World } from '../sim/world.ts'
import { AdmissionPeer, type AdmittedPeer } from './admission.ts'

/** A network with one founder, in which a test may do what it likes. */
export class Play {
  readonly world: World
  readonly founder: AdmissionPeer
  readonly #outsiders = new Map<PeerId, SimNetwork>()

  constructor(seed: number) {
    this.world = new World(seed)
    this.founder = new AdmissionPeer(this.world, 'founder', { type: 'found' })
  }

  /** Plays a story from the moment the founder is up. */
  static tell<Result>(story: (play: Play) => Promise<Result>): Promise<Result> {
    const play = new Play(1)
    return play.world.play(async () => {
      play.founder.start()
      await play.until(() => play.founder.running !== undefined, 5000)
      return story(play)
    })
  }

  get host(): AdmittedPeer {
    return runningOf(this.founder)
  }

  invite(options: Parameters<AdmittedPeer['admission']['invite']>[0] = {}): Promise<string> {
    return this.host.admission.invite(options, ['/ip4/10.0.0.1/tcp/4801'])
  }

  async join(name: PeerId, token: string): Promise<AdmissionPeer> {
    const peer = new AdmissionPeer(this.world, name, { type: 'join', token: () => token })
    peer.start()
    await this.until(() => peer.running !== undefined || peer.failure !== undefined, 20_000)
    if (peer.failure instanceof Error) throw peer.failure
    return peer
  }

  /** The network as somebody without any certificate has it. */
  outsider(name: PeerId): SimNetwork {
    const known = this.#outsiders.get(name)
    if (known !== undefined) return known
    const machine = this.world.addPeer(name, { program: () => new Promise(() => {}) })
    machine.start()
    const network = new SimNetwork(this.world.network, name, machine.receiver())
    this.#outsiders.set(name, network)
    return network
  }

  ask(from: PeerId, request: JoinRequest, to: PeerId = 'founder'): Promise<Uint8Array> {
    const body = encodeJoinRequest(request)
    return this.outsider(from).request(to, JOIN_PROTOCOL, { body, deadlineMs: 5000 })
  }

  async until(holds: () => boolean, withinMs: number): Promise<void> {
    const endMs = this.world.nowMs + withinMs
    while (!holds()) {
      assert.ok(this.world.nowMs < endMs, `waited ${withinMs} ms in vain`)
      await this.world.sleep(10)
    }
  }

  /** What the founder's log says of refusals. */
  get refusals(): string[] {
    return this.founder.lines
      .filter(({ message }) => message === 'refused')
      .map(({ fields }) => String(fields['why']))
  }
}

export function runningOf(peer: AdmissionPeer): AdmittedPeer {
  assert.ok(peer.running, `${peer.name} runs`)
  return peer.running
}

/** Time goes by in which nothing else happens. */
export function setClocks(byMs: number, ...peers: readonly AdmissionPeer[]): void {
  for (const { machine } of peers) machine.clock.jump(byMs)
}

export const stateOf = (peer: AdmissionPeer, about: PeerId): string =>
  runningOf(peer).admission.members.statusOf(about).state

export const reasonOf = (error: unknown): string | undefined => {
  const { details } = error as HoldfastError
  return details?.code === 'JOIN_REFUSED' ? details.reason : undefined
}

export async function refusedFor(reason: string, joining: Promise<unknown>): Promise<void> {
  await assert.rejects(joining, (error: unknown) => {
    assert.equal(reasonOf(error), reason, String(error))
    return true
  })
}
