import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import {
  decodeKvAnswer,
  encodeKvCommand,
  type KvAnswer,
  type KvCommand,
} from '../../src/consensus/kv-command.ts'
import type { KvMachine } from '../../src/consensus/kv-machine.ts'
import {
  decodeKvReply,
  encodeKvQuestion,
  type KvQuestion,
  type KvReply,
} from '../../src/consensus/kv-question.ts'

export const applyKv = (machine: KvMachine, index: number, command: KvCommand): KvAnswer =>
  decodeKvAnswer(machine.apply([{ index, data: encodeKvCommand(command) }])[0] as Uint8Array)

export const askKv = (machine: KvMachine, question: KvQuestion): KvReply =>
  decodeKvReply(machine.query(encodeKvQuestion(question)))

export const put = (key: string, value: string): KvCommand => ({
  type: 'put',
  key,
  value: fromUtf8(value),
})

/** `key=value@revision`, or `key@revision` for one that was deleted. */
export const shown = (item: { key: string; value: Uint8Array | undefined; revision: number }) =>
  `${item.key}${item.value === undefined ? '' : `=${toUtf8(item.value)}`}@${item.revision}`
