import type {
  MatrixHolder,
  MatrixSegment,
  MatrixView,
} from '../../src/gateway/console/views/fragments.ts'

/**
 * What can still be lost. A segment can be read while k of its fragments are on peers that are there;
 * what is above k is its margin. All of it follows from who holds what, so "what if" is the same
 * arithmetic with some peers left out.
 */
export type CellState = 'dead' | 'draining' | 'lost' | 'missing' | 'repairing' | 'there' | 'unsure'

/** Who is imagined to be gone. */
export type Without = ReadonlySet<string>

const nobody: Without = new Set()

/** `lost`: only because its holder is imagined to be gone. */
function cellState(
  holder: MatrixHolder | undefined,
  isRepairing: boolean,
  without: Without = nobody,
): CellState {
  if (holder === undefined) return isRepairing ? 'repairing' : 'missing'
  if (without.has(holder.peer)) return 'lost'
  if (holder.state === 'dead' || holder.state === 'gone') return isRepairing ? 'repairing' : 'dead'
  if (holder.state === 'draining') return 'draining'
  return holder.state === 'suspect' ? 'unsure' : 'there'
}

export function statesOf(
  { cells, repairing }: MatrixSegment,
  holders: readonly MatrixHolder[],
  without: Without = nobody,
): readonly CellState[] {
  return cells.map((place, index) => cellState(holders[place], repairing.includes(index), without))
}

const readable: ReadonlySet<CellState> = new Set(['there', 'draining', 'unsure'])

/** How many more fragments may go; below 0 it cannot be read. */
export const marginOf = (segment: MatrixSegment, states: readonly CellState[]): number =>
  states.filter(state => readable.has(state)).length - segment.k

export interface Outlook {
  readonly segments: number
  /** Of which something is missing. */
  readonly short: number
  readonly unreadable: number
  /** Readable, with nothing more to lose. */
  readonly atZero: number
  /** Of the worst segment; undefined if there is none. */
  readonly worst: number | undefined
}

export function outlookOf(
  { segments, holders }: Pick<MatrixView, 'holders' | 'segments'>,
  without: Without = nobody,
): Outlook {
  const margins = segments.map(segment => marginOf(segment, statesOf(segment, holders, without)))
  return {
    segments: segments.length,
    short: margins.filter((margin, at) => margin < (segments[at]?.m ?? 0)).length,
    unreadable: margins.filter(margin => margin < 0).length,
    atZero: margins.filter(margin => margin === 0).length,
    worst: margins.length === 0 ? undefined : Math.min(...margins),
  }
}

/** What the outlook means, in a sentence. */
export function outlookText({ segments, unreadable, worst, short }: Outlook): string {
  if (worst === undefined) return 'There are no segments.'
  const all = segments === 1 ? 'The segment' : `All ${segments} segments`
  if (unreadable > 0)
    return `${unreadable} of ${segments} segments cannot be read until peers come back.`
  const rest = short === 0 ? '' : ` ${short} ${short === 1 ? 'is' : 'are'} short of fragments.`
  if (worst === 0) return `${all} can be read, but not one more fragment may be lost.${rest}`
  return `${all} can be read, and any ${worst} more ${worst === 1 ? 'peer' : 'peers'} may be lost.${rest}`
}
