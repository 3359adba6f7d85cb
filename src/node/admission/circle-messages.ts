/**
 * What peers say to each other before there is a network.
 *
 *     question  list 32 | invite bytes, empty if there is none
 *     answer    u8: empty 0, taken 1, other list 2
 */
import { createHash } from 'node:crypto'

import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { CircleAnswer, CircleQuestion } from './founding-circle.ts'

/** Among the listed peers alone, on a network that knows no others. */
export const CIRCLE_PROTOCOL = 'circle/1'
export const CIRCLE_NETWORK = 'founding'
export const CIRCLE_BYTES_MAX = 4_096
const LIST_BYTES = 32
const answers = ['empty', 'taken', 'other list'] as const

/** The name of a list: the same for the same peers in any order. */
export const listName = (peers: readonly PeerId[]): string =>
  createHash('sha256').update(peers.toSorted().join('\n')).digest('hex')

export function encodeQuestion({ list, invite = '' }: CircleQuestion): Uint8Array {
  const writer = new BinaryWriter(CIRCLE_BYTES_MAX)
  writer.fixed(fromHex(list))
  writer.string(invite)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeQuestion(bytes: Uint8Array): CircleQuestion {
  const reader = new BinaryReader(bytes)
  const list = toHex(reader.fixed(LIST_BYTES))
  const invite = reader.string(CIRCLE_BYTES_MAX)
  reader.end()
  return { list, invite: invite === '' ? undefined : invite }
}

export const encodeAnswer = (answer: CircleAnswer): Uint8Array =>
  new Uint8Array([answers.indexOf(answer)])

/** @throws {HoldfastError} `MALFORMED` */
export function decodeAnswer(bytes: Uint8Array): CircleAnswer {
  const answer = bytes.length === 1 ? answers[bytes[0] as number] : undefined
  if (answer !== undefined) return answer
  const details = { code: 'MALFORMED', what: 'answer', offset: 0 } as const
  throw new HoldfastError('Cannot decode answer: there is none such', details)
}
