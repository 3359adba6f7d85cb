import { fromUtf8 } from '../../base/bytes.ts'
import type { StateHash } from '../state-hash.ts'
import type { StagedFile } from './machine-command.ts'

/** Files that were, or are being, stored for a command that has not come yet. */
export interface Stage {
  readonly id: string
  readonly untilMs: number
  readonly files: readonly StagedFile[]
  /** No command will have them: they are to be deleted. */
  readonly isOver: boolean
}

const STAGE = 4

/**
 * What is stored for commands that have yet to come. A stage is announced before anything is stored,
 * and ends in one of two ways: a command takes its files, or they are deleted. So no file is left that
 * nobody knows of, and no command takes effect whose files may be gone.
 */
export class StageBook {
  readonly #hash: StateHash
  readonly #stages = new Map<string, Stage>()

  constructor(hash: StateHash) {
    this.#hash = hash
  }

  get size(): number {
    return this.#stages.size
  }

  add(stage: Stage): void {
    this.remove(stage.id)
    this.#stages.set(stage.id, stage)
    this.#hash.add(hashed(stage))
  }

  isOpen(id: string): boolean {
    return this.#stages.get(id)?.isOver === false
  }

  /** The files are a command's now, or were deleted. */
  remove(id: string): void {
    const stage = this.#stages.get(id)
    if (stage === undefined) return
    this.#stages.delete(id)
    this.#hash.remove(hashed(stage))
  }

  /** No command will have the files. */
  end(id: string): void {
    const stage = this.#stages.get(id)
    if (stage?.isOver === false) this.add({ ...stage, isOver: true })
  }

  advance(nowMs: number): void {
    for (const { id, untilMs, isOver } of this.all()) if (!isOver && untilMs < nowMs) this.end(id)
  }

  /** Stages whose files are to be deleted. */
  over(limit: number): Stage[] {
    return [...this.#stages.values()].filter(({ isOver }) => isOver).slice(0, limit)
  }

  all(): Stage[] {
    return [...this.#stages.values()]
  }
}

const hashed = ({ id, untilMs, isOver, files }: Stage): (number | Uint8Array)[] => [
  STAGE,
  untilMs,
  isOver ? 1 : 0,
  fromUtf8(id),
  fromUtf8(JSON.stringify(files)),
]
