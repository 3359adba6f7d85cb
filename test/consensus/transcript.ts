import { equals, fromUtf8 } from '../../src/base/bytes.ts'
import { describe, describeConfiguration, describeMessage } from '../../src/consensus/describe.ts'
import type { ReplicaId } from '../../src/consensus/entry.ts'
import type { Message } from '../../src/consensus/message.ts'
import type { RaftEffect } from '../../src/consensus/raft-effect.ts'
import type { RaftOptions } from '../../src/consensus/raft-options.ts'
import { Cluster, type Replica } from './cluster.ts'

/**
 * Plays a script of commands on a cluster of cores and prints what each does. Messages stay on the
 * wire until they are delivered; `[a→b]` in a command means messages from a to b, `*` anybody.
 *
 *     group a b c [learners d …] [option=number …]
 *     campaign a           time passes for a alone, until it asks to be elected
 *     elect a              and all is delivered until it leads; prints just that
 *     usurp a              it stands at once, and nobody protects the leader
 *     time 100 [a b]       time passes, for all or some
 *     settle [a→b …]       delivers messages, and what they cause, until there are none
 *     deliver [a→b …]      delivers what is on the wire now, not what it causes
 *     repeat [a→b …]       the same, and leaves it on the wire: it will come again
 *     drop [a→b …]
 *     propose a TEXT       read a          transfer a [b]
 *     change a voters a b c [learners d]
 *     slow a   write a [count]   prompt a  a disk that writes only when told to
 *     crash a [writes that survive]        start a         add d
 *     compact a KEEP_FROM                  snapshot a [fails]
 *     wire                                 what is on its way
 *     describe a           applied a       unreachable a b
 */
export class Transcript {
  #cluster: Cluster | undefined
  #lines: string[] = []
  #isQuiet = false

  /** Plays one command and returns what it prints. */
  play(command: string): string {
    this.#lines = []
    const [verb = '', ...words] = command.split(/\s+/)
    if (verb === 'group') this.#group(words)
    else this.#act(verb, words)
    return this.#lines.length === 0 ? 'ok' : this.#lines.join('\n')
  }

  get #scene(): Cluster {
    if (this.#cluster === undefined) throw new Error('a script begins with a group')
    return this.#cluster
  }

  #group(words: readonly string[]): void {
    const options = words.filter(word => word.includes('='))
    const [voters, learners] = split(
      words.filter(word => !word.includes('=')),
      'learners',
    )
    this.#cluster = new Cluster({ voters, learners }, { options: optionsFrom(options) })
    // By then nobody protects a leader that may have been there before the start.
    this.#cluster.pass(300)
    this.#cluster.watch = (replica, effect) => this.#print(replica, effect)
  }

  #act(verb: string, words: readonly string[]): void {
    const cluster = this.#scene
    const [id = '', ...rest] = words
    const act: Record<string, () => unknown> = {
      campaign: () => cluster.campaign(id),
      elect: () => {
        this.#isQuiet = true
        cluster.campaign(id)
        cluster.settle()
        this.#isQuiet = false
        this.#lines.push(`${id} is ${cluster.raft(id).role} in ${cluster.raft(id).term}`)
      },
      usurp: () => {
        const { term } = cluster.raft(id)
        const message = { type: 'timeoutNow', term, from: id, to: id } as const
        cluster.step(id, { type: 'message', message })
      },
      time: () => cluster.pass(Number(id), rest.length === 0 ? undefined : rest),
      settle: () => cluster.settle(between(words)),
      deliver: () => {
        for (const message of cluster.wire.filter(between(words))) cluster.deliver(message)
      },
      repeat: () => {
        for (const message of cluster.wire.filter(between(words))) {
          cluster.step(message.to, { type: 'message', message })
        }
      },
      drop: () => this.#lines.push(`${cluster.drop(between(words))} dropped`),
      propose: () => cluster.propose(id, fromUtf8(rest.join(' '))),
      read: () => cluster.read(id),
      transfer: () => {
        const [to] = rest
        cluster.step(id, to === undefined ? { type: 'transfer' } : { type: 'transfer', to })
      },
      change: () => {
        const [voters, learners] = split(rest.slice(1), 'learners')
        cluster.change(id, { voters, learners })
      },
      slow: () => (cluster.of(id).isPrompt = false),
      write: () => cluster.write(id, rest[0] === undefined ? undefined : Number(rest[0])),
      prompt: () => {
        cluster.of(id).isPrompt = true
        cluster.write(id)
      },
      crash: () => cluster.crash(id, Number(rest[0] ?? 0)),
      start: () => cluster.start(id),
      add: () => cluster.add(id),
      compact: () => cluster.compact(id, Number(rest[0])),
      snapshot: () => cluster.carrySnapshot(id, rest[0] !== 'fails'),
      unreachable: () => cluster.step(id, { type: 'unreachable', replica: rest[0] ?? '' }),
      wire: () => this.#lines.push(...cluster.wire.map(describeMessage)),
      describe: () => this.#lines.push(describe(cluster.raft(id))),
      applied: () => this.#lines.push(applied(cluster.of(id))),
    }
    const found = act[verb]
    if (found === undefined) throw new Error(`no command '${verb}'`)
    found()
  }

  #print({ id }: Replica, effect: RaftEffect): void {
    if (this.#isQuiet) return
    for (const line of linesOf(effect)) this.#lines.push(`${id}: ${line}`)
  }
}

function linesOf(effect: RaftEffect): string[] {
  switch (effect.type) {
    case 'send':
      return effect.messages.map(message => `send ${describeMessage(message)}`)
    case 'persist': {
      const { hard, base, entries, trim, after } = effect
      const what = [
        ...(hard === undefined ? [] : [`term ${hard.term} vote ${hard.vote ?? '-'}`]),
        ...(base === undefined ? [] : [`base ${base.index}/${base.term}`]),
        ...entries.map(({ index, term }) => `${index}/${term}`),
        ...(trim === undefined ? [] : [`trim ${trim.index}`]),
      ]
      const behind = after.map(message => `  then ${describeMessage(message)}`)
      return [`write ${what.length === 0 ? 'nothing' : what.join(' ')}`, ...behind]
    }
    case 'apply':
      return [`apply ${effect.entries.map(({ index, term }) => `${index}/${term}`).join(' ')}`]
    case 'install':
      return [`install ${effect.snapshot.index}/${effect.snapshot.term}`]
    case 'accepted':
      return [`accept ${effect.id} as ${effect.index}/${effect.term}`]
    case 'refused':
      return [`refuse ${effect.id}: ${effect.reason}, leader ${effect.leader ?? '-'}`]
    case 'readReady':
      return [`read ${effect.ids.join(' ')} at ${effect.index}`]
    case 'readRefused':
      return [`read ${effect.ids.join(' ')} refused, leader ${effect.leader ?? '-'}`]
    case 'sendSnapshot':
      return [`snapshot of at least ${effect.index} to ${effect.to}`]
    case 'role':
      return [`${effect.role} in ${effect.term}, leader ${effect.leader ?? '-'}`]
    case 'configured':
      return [describeConfiguration(effect.configuration)]
  }
}

/** Messages between pairs written `a→b`; all if none is named. */
function between(words: readonly string[]): (message: Message) => boolean {
  if (words.length === 0) return () => true
  const pairs = words.map(word => word.split('→'))
  const fits = (name: string | undefined, id: ReplicaId): boolean => name === '*' || name === id
  return ({ from, to }) => pairs.some(([a, b]) => fits(a, from) && fits(b, to))
}

function split(words: readonly string[], at: string): [string[], string[]] {
  const index = words.indexOf(at)
  return index < 0 ? [[...words], []] : [words.slice(0, index), words.slice(index + 1)]
}

function optionsFrom(words: readonly string[]): Partial<RaftOptions> {
  const pairs = words.map(word => word.split('=') as [string, string])
  const value = (text: string): number | boolean =>
    text === 'yes' || text === 'no' ? text === 'yes' : Number(text)
  return Object.fromEntries(pairs.map(([name, text]) => [name, value(text)]))
}

const nothing = new Uint8Array(0)

function applied({ applied: entries }: Replica): string {
  const list = entries
    .filter(({ data, kind }) => kind === 'command' && !equals(data, nothing))
    .map(({ data }) => new TextDecoder().decode(data))
  return list.length === 0 ? 'nothing' : list.join(' ')
}
