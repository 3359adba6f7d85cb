import { toHex } from '../../../src/base/bytes.ts'
import type { Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import type { Role } from '../../../src/node/admission/member-record.ts'
import { AdmissionPeer } from '../../support/admission.ts'
import { demand, type Scenario } from '../scenario.ts'
import type { Ending } from '../sim-peer.ts'
import type { World } from '../world.ts'

/**
 * A founder invites, others join and are banned, while processes are killed, power fails, wires are
 * cut and clocks are set. Who was once let in is a member until it is banned; who was banned stays
 * so; no invite lets in more than it says, nor anybody into another role; and once all is mended
 * everybody has the same members.
 */
export const admissionScenario: Scenario = {
  name: 'admission',
  minutes: 1,
  play: (world, minutes) => new AdmissionRun(world).play(minutes * 60_000),
}

const NEWCOMERS = ['a', 'b', 'c', 'd', 'e', 'f']
const PAUSE_MS = 400
const DOWN_MS = 2000
/** What an honest host never answers. */
const unexpected: readonly string[] = ['PEER_FAILED', 'UNTRUSTED', 'MALFORMED']
/** Longer than a connection on which nothing arrives is held, and some comparisons. */
const MENDED_MS = 45_000

interface Issued {
  readonly token: string
  readonly uses: number
  readonly role: Role
  readonly usedBy: Set<string>
}

class AdmissionRun {
  readonly #world: World
  readonly #random: Random
  readonly #founder: AdmissionPeer
  readonly #peers: readonly AdmissionPeer[]
  readonly #invites: Issued[] = []
  /** The invite each newcomer tries. */
  readonly #chosen = new Map<string, Issued>()
  /** Newcomers that were told they are members, and how often they had begun by then. */
  readonly #admitted = new Map<string, number>()
  readonly #bansTried = new Set<string>()
  readonly #bansDone = new Set<string>()
  #isMended = false
  readonly #counts = { invites: 0, admitted: 0, bans: 0, crashes: 0, refused: 0, checks: 0 }

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('admission scenario')
    this.#founder = new AdmissionPeer(world, 'founder', { type: 'found' })
    this.#peers = NEWCOMERS.map(
      name =>
        new AdmissionPeer(world, name, {
          type: 'join',
          token: () => (this.#chosen.get(name) as Issued).token,
        }),
    )
  }

  /** The moment after somebody got in is the one in which most can be lost. */
  #gotIn(peer: AdmissionPeer): void {
    this.#note(peer)
    const victim = this.#random.pick([this.#founder, peer])
    if (!this.#isMended && this.#random.chance(0.4))
      this.#world.schedule(0, () => this.#crash(victim, 'power'))
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    for (const peer of this.#peers) peer.onRunning = () => this.#gotIn(peer)
    this.#founder.start()
    const endMs = this.#world.nowMs + durationMs
    while (this.#world.nowMs < endMs) {
      await this.#world.sleep(this.#random.exponential(PAUSE_MS))
      this.#happen()
      this.#check()
    }
    await this.#mend()
    return this.#counts
  }

  #happen(): void {
    const { network } = this.#world
    const [first = '', second = ''] = this.#random.shuffle(['founder', ...NEWCOMERS])
    const events: (() => void)[] = [
      () => this.#invite(),
      () => this.#invite(),
      () => this.#startSome(),
      () => this.#startSome(),
      () => this.#startSome(),
      () => this.#crash(this.#random.pick(this.#peers)),
      () => this.#crash(this.#founder),
      () => this.#random.chance(0.3) && this.#ban(),
      () => this.#loseDisk(this.#random.pick(this.#peers)),
      () => network.cut(first, second),
      () => network.heal(),
      () => this.#random.pick(this.#peers).machine.clock.jump(this.#random.below(120_000) - 60_000),
    ]
    this.#random.pick(events)()
  }

  #invite(): void {
    const { running } = this.#founder
    if (running === undefined) return
    const uses = 1 + this.#random.below(3)
    const role = this.#random.pick(['full', 'storage'] as const)
    running.admission.invite({ uses, role }, []).then(
      token => {
        this.#counts.invites++
        this.#invites.push({ token, uses, role, usedBy: new Set() })
      },
      (error: unknown) => this.#expect(error),
    )
  }

  #startSome(): void {
    const peer = this.#random.pick(this.#peers)
    if (!this.#founder.machine.isRunning) this.#founder.start()
    if (peer.machine.isRunning || this.#invites.length === 0) return
    // Once a member, a peer goes on from what is on its disk, whatever invite it has.
    if (!this.#admitted.has(peer.name))
      this.#chosen.set(peer.name, this.#random.pick(this.#invites))
    peer.start()
  }

  #crash(peer: AdmissionPeer, ending: Ending = this.#random.pick(['process', 'power'])): void {
    if (!peer.machine.isRunning) return
    this.#counts.crashes++
    peer.crash(ending)
    this.#world.schedule(this.#random.exponential(DOWN_MS), () => {
      if (peer === this.#founder && !peer.machine.isRunning) peer.start()
    })
  }

  /** A banned peer tries to get in anew, with all it had but its certificate. */
  #loseDisk({ name, machine }: AdmissionPeer): void {
    if (machine.isRunning || !this.#bansDone.has(name)) return
    machine.loseDisk()
    this.#admitted.delete(name)
  }

  #ban(): void {
    const { running } = this.#founder
    const name = this.#random.pick(NEWCOMERS)
    if (running === undefined || !this.#admitted.has(name)) return
    this.#bansTried.add(name)
    running.admission.ban(name).then(
      () => {
        this.#counts.bans++
        this.#bansDone.add(name)
      },
      (error: unknown) => this.#expect(error),
    )
  }

  /** What was asked of a founder that died meanwhile, or too much, is no failure. */
  #expect(error: unknown): void {
    if (codeOf(error) === undefined) this.#world.fail(error)
  }

  #check(): void {
    this.#counts.checks++
    for (const peer of this.#peers) this.#note(peer)
    for (const { usedBy, uses } of this.#invites)
      demand(usedBy.size <= uses, `an invite for ${uses} let ${[...usedBy].join(', ')} in`)
    if (this.#founder.running !== undefined) this.#checkFounder(this.#founder.running)
  }

  /** A newcomer that is at work says that it was let in. */
  #note({ name, running, failure, tried, begins }: AdmissionPeer): void {
    const code = codeOf(failure)
    if (failure !== undefined && (code === undefined || unexpected.includes(code)))
      this.#world.fail(failure)
    const before = this.#admitted.get(name)
    demand(before === undefined || before === begins, `${name} has forgotten its network`)
    if (running === undefined || before !== undefined) return
    const invite = this.#invites.find(({ token }) => token === tried) as Issued
    demand(!this.#bansDone.has(name), `${name} got in although it is banned`)
    this.#admitted.set(name, begins)
    this.#counts.admitted++
    invite.usedBy.add(name)
    const { networkKey } = running.admitted.credentials
    demand(
      (networkKey !== undefined) === (invite.role === 'full'),
      `${name} has ${networkKey === undefined ? 'no' : 'a'} network key as ${invite.role}`,
    )
  }

  #checkFounder({ admission }: NonNullable<AdmissionPeer['running']>): void {
    const { members } = admission
    for (const name of this.#admitted.keys()) {
      const { state } = members.statusOf(name)
      const isFine = state === 'member' || (state === 'banned' && this.#bansTried.has(name))
      demand(isFine, `${name} was let in, and the founder takes it for ${state}`)
    }
    for (const name of this.#bansDone)
      demand(
        members.statusOf(name).state === 'banned',
        `the founder has forgotten a ban of ${name}`,
      )
    const serials = members.records().map(({ serial }) => serial)
    demand(new Set(serials).size === serials.length, `a serial was given twice: ${serials.join()}`)
  }

  async #mend(): Promise<void> {
    this.#isMended = true
    this.#world.network.heal()
    for (const peer of [this.#founder, ...this.#peers])
      if (!peer.machine.isRunning && (peer === this.#founder || this.#admitted.has(peer.name)))
        peer.start()
    await this.#world.sleep(MENDED_MS)
    this.#check()
    const wanted = this.#digestOf(this.#founder)
    for (const peer of this.#peers) {
      // The banned are not told anything any more.
      if (!this.#admitted.has(peer.name) || this.#bansTried.has(peer.name)) continue
      demand(peer.running !== undefined, `${peer.name} does not come back: ${String(peer.failure)}`)
      demand(this.#digestOf(peer) === wanted, `${peer.name} has other members than the founder`)
    }
  }

  #digestOf({ running }: AdmissionPeer): string {
    return running === undefined ? 'none' : toHex(running.admitted.book.table.digest)
  }
}
