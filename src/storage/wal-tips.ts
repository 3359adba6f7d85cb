import { assert } from '../base/assert.ts'
import { HoldfastError } from '../base/errors.ts'
import type { GroupIndex } from './wal-index.ts'
import type { WalRecord } from './wal-record.ts'

interface Tip {
  baseIndex: number
  lastIndex: number
  isDamaged: boolean
}

/**
 * Where each group's log will end once all that waits is durable. Appends are checked against it,
 * so that a replay never meets a record that makes no sense.
 */
export class WalTips {
  readonly #tips = new Map<number, Tip>()

  constructor(groups: ReadonlyMap<number, GroupIndex>) {
    this.reset(groups)
  }

  /** What waited will not be written: back to what is durable. */
  reset(groups: ReadonlyMap<number, GroupIndex>): void {
    this.#tips.clear()
    for (const { group, baseIndex, lastIndex, damage } of groups.values()) {
      this.#tips.set(group, { baseIndex, lastIndex, isDamaged: damage !== undefined })
    }
  }

  /** The group lost records: from now on only a new beginning is accepted. */
  markDamaged(group: number): void {
    const tip = this.#tips.get(group)
    if (tip !== undefined) tip.isDamaged = true
  }

  /** @throws {HoldfastError} `LOG_DAMAGED` if one of their groups must begin anew first. */
  check(records: readonly WalRecord[]): void {
    const renewed = new Set<number>()
    for (const { type, group } of records) {
      if (type === 'base' || type === 'drop') renewed.add(group)
      const tip = this.#tips.get(group)
      if (tip?.isDamaged !== true || renewed.has(group)) continue
      throw new HoldfastError(`Cannot append to group ${group}: its log has lost records`, {
        code: 'LOG_DAMAGED',
        group,
        index: tip.lastIndex,
      })
    }
  }

  /** Takes a record that will be written into account; one that makes no sense is a bug. */
  advance(record: WalRecord): void {
    assert(isNatural(record.group), () => `a group is a natural number, not ${record.group}`)
    if ('index' in record) assert(isNatural(record.index), () => `index ${record.index} is natural`)
    if ('term' in record) assert(isNatural(record.term), () => `term ${record.term} is natural`)
    if (record.type === 'drop') {
      this.#tips.delete(record.group)
      return
    }
    if (record.type === 'base') {
      const { index } = record
      this.#tips.set(record.group, { baseIndex: index, lastIndex: index, isDamaged: false })
      return
    }
    const tip = this.#tips.get(record.group)
    assert(tip !== undefined, () => `group ${record.group} begins with a base`)
    if (record.type === 'state') return
    const { index } = record
    switch (record.type) {
      case 'entry':
        assert(index > tip.baseIndex, () => `entry ${index} lies above the base ${tip.baseIndex}`)
        assert(
          index <= tip.lastIndex + 1,
          () => `entry ${index} follows the last, ${tip.lastIndex}`,
        )
        tip.lastIndex = index
        return
      case 'truncate':
        assert(
          index >= tip.baseIndex,
          () => `truncation to ${index} spares the base ${tip.baseIndex}`,
        )
        tip.lastIndex = Math.min(tip.lastIndex, index)
        return
      case 'trim':
        assert(index >= tip.baseIndex, () => `a trim moves the base forward from ${tip.baseIndex}`)
        tip.baseIndex = index
        tip.lastIndex = Math.max(tip.lastIndex, index)
    }
  }
}

const isNatural = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
