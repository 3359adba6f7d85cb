import type { CellState } from '../../logic/loss.ts'
import type { Tone } from '../../parts/state.tsx'

/** What the state of a cell is called. */
export const stateNames: Record<CellState, string> = {
  there: 'there',
  unsure: 'its peer is suspected to be dead',
  draining: 'its peer is being drained',
  repairing: 'being made anew',
  dead: 'its peer is dead',
  missing: 'nobody has it',
  lost: 'gone with its peer',
}

export const stateTones: Record<CellState, Tone> = {
  there: 'good',
  unsure: 'warn',
  draining: 'idle',
  repairing: 'warn',
  dead: 'bad',
  missing: 'bad',
  lost: 'bad',
}
