/**
 * What peers tell each other of a machine: whether they can run it, which version their program knows,
 * and what their state's hash was behind an entry that both have applied.
 *
 *     request  {group, index, hash}   the asker's last entry
 *     answer   {can: no}              its program has no such machine, or had to stop it
 *              {can: yes, version, oldest}         it has no replica
 *              {can: yes, version, oldest, mark}   with its state at that entry if that is known,
 *                                                  else at its last
 */
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { Network, PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'

const PROTOCOL = 'machines/1'
const ANSWER_MS = 1_000
const BYTES_MAX = 1_024

/** A state, as few words as tell it from others. */
export interface StateMark {
  readonly index: number
  readonly hash: string
}

/** From the oldest to the newest version that a program can apply. */
export interface KnownVersions {
  readonly oldest: number
  readonly version: number
}

export type MachineWord =
  | { readonly can: 'no' }
  | ({ readonly can: 'yes'; readonly mark: StateMark | undefined } & KnownVersions)

/** Serves what others ask. */
export function serveMachineTalk(
  network: Network,
  answer: (group: number, index: number) => MachineWord,
): void {
  network.onRequest(PROTOCOL, async (_from, body) => {
    const asked = parsed(body) as { group?: unknown; index?: unknown } | undefined
    if (!Number.isSafeInteger(asked?.group) || !Number.isSafeInteger(asked?.index))
      throw malformed()
    return fromUtf8(JSON.stringify(answer(asked?.group as number, asked?.index as number)))
  })
}

/** What a peer says; undefined if it says nothing that can be understood. */
export async function askOfMachine(
  network: Network,
  peer: PeerId,
  group: number,
  index: number,
): Promise<MachineWord | undefined> {
  const body = fromUtf8(JSON.stringify({ group, index }))
  try {
    return understood(
      parsed(await network.request(peer, PROTOCOL, { body, deadlineMs: ANSWER_MS })),
    )
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    // It does not know of machines at all.
    return codeOf(error) === 'PROTOCOL_UNKNOWN' ? { can: 'no' } : undefined
  }
}

function understood(word: unknown): MachineWord | undefined {
  const { can, version, oldest, mark } = (word ?? {}) as Record<string, unknown>
  if (can === 'no') return { can }
  if (can !== 'yes' || ![version, oldest].every(Number.isSafeInteger)) return undefined
  const { index, hash } = (mark ?? {}) as Record<string, unknown>
  const isMark = Number.isSafeInteger(index) && typeof hash === 'string'
  return {
    can,
    version: version as number,
    oldest: oldest as number,
    mark: isMark ? { index: index as number, hash } : undefined,
  }
}

function parsed(body: Uint8Array): unknown {
  if (body.length > BYTES_MAX) throw malformed()
  try {
    return JSON.parse(toUtf8(body)) as unknown
  } catch {
    throw malformed()
  }
}

const malformed = (): HoldfastError =>
  new HoldfastError('Cannot understand what was asked of a machine', {
    code: 'MALFORMED',
    what: 'question',
    offset: 0,
  })
