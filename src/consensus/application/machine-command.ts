import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { MachineFile } from './definition.ts'

/** What stands in a machine's log, as JSON. */
export type MachineCommand =
  | {
      readonly type: 'command'
      readonly command: unknown
      /** The idempotency key, and what tells its command from others. */
      readonly key?: string | undefined
      readonly print?: string | undefined
      readonly stage?: string | undefined
      readonly files?: readonly MachineFile[] | undefined
    }
  /** Time goes on: timers may be due. */
  | { readonly type: 'tick' }
  /** Every voter's program knows this version. */
  | { readonly type: 'raise'; readonly version: number }
  /** Files are about to be stored for a command that comes within `ttlMs`. */
  | {
      readonly type: 'stage'
      readonly stage: string
      readonly ttlMs: number
      readonly files: readonly StagedFile[]
    }
  /** Files that no command took were deleted. */
  | { readonly type: 'swept'; readonly stages: readonly string[] }

export interface StagedFile {
  readonly bucket: string
  readonly key: string
}

/** What became of a command. */
export type MachineResult =
  | Kept
  /** The reducer has a bug: nothing was changed. */
  | { readonly type: 'failed'; readonly reason: string }
  /** There is no room for it: nothing was changed. */
  | { readonly type: 'full'; readonly what: string }
  /** The key came with another command before. */
  | { readonly type: 'reused' }
  /** What was stored for it is not there any more. */
  | { readonly type: 'late' }
  /** No version is in force yet: nothing was changed. */
  | { readonly type: 'unready' }
  | { readonly type: 'malformed' }
  | { readonly type: 'ok' }

/** What a command with a key gets whenever it comes again. */
export interface Kept {
  readonly type: 'done' | 'refused'
  /** The answer as it is, or the reason. */
  readonly answer: unknown
  /** When it took effect, the first time. */
  readonly index: number
  readonly ms: number
  readonly count: number
  readonly isRepeat?: boolean | undefined
}

const FILES_MAX = 16
const STAGES_MAX = 256

export const encodeMachineCommand = (command: MachineCommand): Uint8Array =>
  fromUtf8(JSON.stringify(command))

export const encodeMachineResult = (result: MachineResult): Uint8Array =>
  fromUtf8(JSON.stringify(result))

/** @throws {HoldfastError} `MALFORMED` */
export function decodeMachineResult(bytes: Uint8Array): MachineResult {
  const result = parsed(bytes)
  if (isRecord(result) && typeof result['type'] === 'string') return result as never
  throw new HoldfastError('Cannot understand the answer of a machine', {
    code: 'MALFORMED',
    what: 'answer',
    offset: 0,
  })
}

/** Undefined for what is no command. */
export function understoodCommand(bytes: Uint8Array): MachineCommand | undefined {
  const command = parsed(bytes)
  return isRecord(command) && isCommand(command) ? (command as never) : undefined
}

function isCommand(it: Record<string, unknown>): boolean {
  switch (it['type']) {
    case 'command':
      return (
        'command' in it &&
        ['key', 'print', 'stage'].every(name => isText(it[name] ?? 'none')) &&
        isListOf(it['files'] ?? [], FILES_MAX, isFile)
      )
    case 'tick':
      return true
    case 'raise':
      return Number.isSafeInteger(it['version'])
    case 'stage':
      return (
        isText(it['stage']) && isNatural(it['ttlMs']) && isListOf(it['files'], FILES_MAX, isStaged)
      )
    case 'swept':
      return isListOf(it['stages'], STAGES_MAX, isText)
    default:
      return false
  }
}

const isRecord = (it: unknown): it is Record<string, unknown> =>
  typeof it === 'object' && it !== null && !Array.isArray(it)
const isText = (it: unknown): boolean =>
  typeof it === 'string' && it.length > 0 && it.length <= 1_024 && it.isWellFormed()
const isNatural = (it: unknown): boolean => Number.isSafeInteger(it) && (it as number) >= 0
const isListOf = (it: unknown, most: number, holds: (item: unknown) => boolean): boolean =>
  Array.isArray(it) && it.length <= most && it.every(holds)
const isStaged = (it: unknown): boolean => isRecord(it) && isText(it['bucket']) && isText(it['key'])
const isFile = (it: unknown): boolean =>
  isStaged(it) &&
  isRecord(it) &&
  isText(it['name']) &&
  isText(it['version']) &&
  isText(it['etag']) &&
  isNatural(it['sizeBytes'])

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(toUtf8(bytes)) as unknown
  } catch {
    return undefined
  }
}
