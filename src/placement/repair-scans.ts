import type { PeerView } from './peer-view.ts'
import type { Listed, RepairEffect, Source } from './repair-planner.ts'

/**
 * Which lists of the catalog are to be read, and how far each has come.
 *
 * A dead peer's segments are read twice: `urgent`, at once, and `all`, after its grace; one that is
 * gone for good has no grace. A peer to be emptied is read until its list is empty. Debts are read
 * every so often. One page is on its way at a time, and none while jobs abound.
 */
export type Mode = 'urgent' | 'all' | 'drain'

interface Scan {
  /** Another one with every start over, so that a page of an earlier list is known for one. */
  readonly id: number
  /** Segments that were listed since the start. */
  count: number
  readonly mode: Mode
  /** Undefined: from the start. */
  after: Uint8Array | undefined
  state: 'due' | 'asked' | 'resting'
  /** When a resting one is due again, if ever. */
  dueMs: number | undefined
  /** It is to be read once more, for something it listed was not done. */
  hasMissed: boolean
}

/** How long after the end of a list it is read again, if it is to be. */
const AGAIN_MS = 10_000

export class Scans {
  readonly #graceMs: number
  readonly #scans = new Map<Source, Scan>()
  /** Since when a peer is dead. */
  readonly #deadSinceMs = new Map<number, number>()
  #nowMs = 0
  #nextId = 1

  constructor(graceMs: number) {
    this.#graceMs = graceMs
    this.#want('debts', 'all')
  }

  isInGrace(seat: number): boolean {
    const sinceMs = this.#deadSinceMs.get(seat)
    return sinceMs !== undefined && this.#nowMs < sinceMs + this.#graceMs
  }

  /** Something found no room or failed: whatever is read, or was, is read again. */
  missed(): void {
    for (const scan of this.#scans.values()) scan.hasMissed = true
  }

  updatePeers(peers: readonly PeerView[], nowMs: number): void {
    this.#nowMs = nowMs
    const wanted = new Map<number, Mode>()
    for (const { seat, state } of peers) {
      if (state === 'dead') {
        if (!this.#deadSinceMs.has(seat)) this.#deadSinceMs.set(seat, nowMs)
      } else this.#deadSinceMs.delete(seat)
      if (state === 'dead') wanted.set(seat, this.isInGrace(seat) ? 'urgent' : 'all')
      if (state === 'gone') wanted.set(seat, 'all')
      if (state === 'draining') wanted.set(seat, 'drain')
    }
    for (const source of this.#scans.keys()) {
      if (source !== 'debts' && !wanted.has(source)) this.#scans.delete(source)
    }
    for (const [seat, mode] of wanted) this.#want(seat, mode)
    // More peers may be what was missing.
    this.#again()
  }

  #want(source: Source, mode: Mode): void {
    if (this.#scans.get(source)?.mode === mode) return
    const id = this.#nextId++
    const due = { after: undefined, count: 0, state: 'due', dueMs: undefined } as const
    this.#scans.set(source, { id, mode, ...due, hasMissed: false })
  }

  /** A page came in; undefined if nobody asked for it, or for another one since. */
  listed(page: Listed, nowMs: number): { mode: Mode; isEmpty: boolean } | undefined {
    const scan = this.#scans.get(page.source)
    if (scan?.state !== 'asked' || scan.id !== page.scan) return undefined
    const { mode } = scan
    scan.count += page.segments.length
    scan.after = page.next
    const isEmpty = page.next === undefined && scan.count === 0
    if (page.next !== undefined) scan.state = 'due'
    else {
      scan.state = 'resting'
      const isRepeated = page.source === 'debts' || (mode === 'drain' && !isEmpty)
      scan.dueMs = isRepeated ? nowMs + AGAIN_MS : undefined
      scan.count = 0
    }
    return { mode, isEmpty }
  }

  /** The lists to ask for now. */
  next(nowMs: number, hasRoom: boolean): RepairEffect[] {
    this.#nowMs = nowMs
    this.#endGraces()
    this.#repeatMissed(nowMs)
    const effects: RepairEffect[] = []
    for (const [source, scan] of this.#scans) {
      const isDue = scan.state === 'resting' && scan.dueMs !== undefined && scan.dueMs <= nowMs
      if (isDue) Object.assign(scan, { state: 'due', dueMs: undefined })
      if (scan.state !== 'due' || !hasRoom) continue
      scan.state = 'asked'
      effects.push({ type: 'list', source, scan: scan.id, after: scan.after })
    }
    return effects
  }

  /** When something is due next. */
  wakeMs(nowMs: number): number | undefined {
    const graces = [...this.#deadSinceMs.values()]
      .map(sinceMs => sinceMs + this.#graceMs)
      .filter(atMs => atMs > nowMs)
    const rests = [...this.#scans.values()].flatMap(({ dueMs }) => dueMs ?? [])
    const all = [...graces, ...rests]
    return all.length === 0 ? undefined : Math.min(...all)
  }

  #endGraces(): void {
    for (const seat of this.#deadSinceMs.keys()) if (!this.isInGrace(seat)) this.#want(seat, 'all')
  }

  /** What was read to its end is read again after a while. */
  #repeatMissed(nowMs: number): void {
    for (const scan of this.#scans.values()) {
      if (!scan.hasMissed || scan.state !== 'resting') continue
      scan.hasMissed = false
      scan.dueMs ??= nowMs + AGAIN_MS
    }
  }

  #again(): void {
    for (const scan of this.#scans.values()) {
      if (scan.state === 'resting' && scan.dueMs !== undefined) scan.dueMs = this.#nowMs
    }
  }
}
