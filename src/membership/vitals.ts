import type { BinaryReader } from '../base/binary-reader.ts'
import type { BinaryWriter } from '../base/binary-writer.ts'
import { HoldfastError } from '../base/errors.ts'

/**
 * How a peer is doing, by its own word. It rides in probes and their answers, so it changes without
 * a new incarnation, and is not passed on: each peer has it first-hand or not at all. A liar can
 * only make itself look better to a reader that asks nobody else, so what is chosen by it (voters)
 * uses it for gates alone.
 *
 * ```
 * flags u8 | health u8 | load u8 | clock status u8 | loop lag, sync ms, used, free: varint
 * | clock offset, clock bound in µs: varint (the offset zigzag)
 * ```
 */
export interface Vitals {
  /** Local health multiplier, 0 (well) to 7. Set by the core itself. */
  readonly health: number
  /** How busy the peer is, 0 to 1. */
  readonly load: number
  /** Event-loop lag, p99 over the last minutes. */
  readonly loopLagMs: number
  /** Duration of a disk sync, p99 over the last minutes. */
  readonly diskSyncMs: number
  readonly usedBytes: number
  readonly freeBytes: number
  /** Others can dial it directly, without a relay. */
  readonly isDialable: boolean
  readonly clock: ClockVitals
}

interface ClockVitals {
  readonly status: ClockStatusName
  /** Microseconds by which the peer believes its wall clock to be off. */
  readonly offsetUs: number
  /** How far off its time may be at most, in microseconds. */
  readonly boundUs: number
}

const clockStatuses = ['INIT', 'SYNCED', 'HOLDOVER', 'UNSYNCED', 'DISRUPTED'] as const
export type ClockStatusName = (typeof clockStatuses)[number]

/** Numbers beyond these are nonsense; the message that holds them is refused. */
const LAG_MS_MAX = 86_400_000
export const CLOCK_US_MAX: number = 2 ** 50
const HEALTH_MAX = 7
export const VITALS_BYTES_MAX = 48

/** What is said of a peer that has nothing to say yet. */
export const noVitals: Vitals = {
  health: 0,
  load: 0,
  loopLagMs: 0,
  diskSyncMs: 0,
  usedBytes: 0,
  freeBytes: 0,
  isDialable: true,
  clock: { status: 'INIT', offsetUs: 0, boundUs: 0 },
}

/** The same with every number within its bounds and whole, so that it can be encoded. */
export const clampVitals = (vitals: Vitals): Vitals => ({
  health: natural(vitals.health, HEALTH_MAX),
  load: natural(vitals.load * 255, 255) / 255,
  loopLagMs: natural(vitals.loopLagMs, LAG_MS_MAX),
  diskSyncMs: natural(vitals.diskSyncMs, LAG_MS_MAX),
  usedBytes: natural(vitals.usedBytes, Number.MAX_SAFE_INTEGER),
  freeBytes: natural(vitals.freeBytes, Number.MAX_SAFE_INTEGER),
  isDialable: vitals.isDialable,
  clock: {
    status: vitals.clock.status,
    offsetUs:
      Math.sign(vitals.clock.offsetUs) * natural(Math.abs(vitals.clock.offsetUs), CLOCK_US_MAX) ||
      0,
    boundUs: natural(vitals.clock.boundUs, CLOCK_US_MAX),
  },
})

/** Writes clamped vitals. */
export function writeVitals(writer: BinaryWriter, vitals: Vitals): void {
  writer.u8(vitals.isDialable ? 1 : 0)
  writer.u8(vitals.health)
  writer.u8(Math.round(vitals.load * 255))
  writer.u8(clockStatuses.indexOf(vitals.clock.status))
  writer.varint(vitals.loopLagMs)
  writer.varint(vitals.diskSyncMs)
  writer.varint(vitals.usedBytes)
  writer.varint(vitals.freeBytes)
  const { offsetUs, boundUs } = vitals.clock
  writer.varint(offsetUs < 0 ? -offsetUs * 2 - 1 : offsetUs * 2)
  writer.varint(boundUs)
}

/** @throws {HoldfastError} `MALFORMED` for what no clock or machine can say. */
export function readVitals(reader: BinaryReader): Vitals {
  const { offset } = reader
  const flags = within(reader.u8(), 1, 'flags', offset)
  const health = within(reader.u8(), HEALTH_MAX, 'health', offset)
  const load = reader.u8() / 255
  const status =
    clockStatuses[within(reader.u8(), clockStatuses.length - 1, 'clock status', offset)]
  const loopLagMs = within(reader.varint(), LAG_MS_MAX, 'loop lag', offset)
  const diskSyncMs = within(reader.varint(), LAG_MS_MAX, 'sync time', offset)
  const usedBytes = reader.varint()
  const freeBytes = reader.varint()
  const zigzag = within(reader.varint(), CLOCK_US_MAX * 2, 'clock offset', offset)
  const boundUs = within(reader.varint(), CLOCK_US_MAX, 'clock bound', offset)
  return {
    health,
    load,
    loopLagMs,
    diskSyncMs,
    usedBytes,
    freeBytes,
    isDialable: flags === 1,
    clock: {
      status: status as ClockStatusName,
      offsetUs: zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2,
      boundUs,
    },
  }
}

function natural(value: number, most: number): number {
  if (!(value > 0)) return 0
  return Math.min(most, Math.round(value))
}

function within(value: number, most: number, what: string, offset: number): number {
  if (value <= most) return value
  throw new HoldfastError(`Cannot decode vitals: ${what} ${value}`, {
    code: 'MALFORMED',
    what: `vitals: ${what}`,
    offset,
  })
}
