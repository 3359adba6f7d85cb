import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { ReplicaId } from '../../consensus/entry.ts'
import type { KvCallOptions, KvClient } from '../kv/kv-client.ts'
import { ATTEMPTS_MAX, groupOfMachine } from './machine-names.ts'

/**
 * Whose a machine's group is, in the replicated map. Whoever uses it first decides by
 * compare-and-set which replica founds it; from `founded` on that never changes.
 */
export interface MachineRecord {
  readonly name: string
  readonly attempt: number
  readonly state: 'decided' | 'founded'
  readonly founder: ReplicaId
}

const CHANGES_MAX = 16
/** By its number, so that two names which share one cannot both be used. */
const keyOf = (name: string): string => `machines/${groupOfMachine(name, 0)}`

export class MachineRecords {
  readonly #kv: Pick<KvClient, 'get' | 'cas'>

  constructor(kv: Pick<KvClient, 'get' | 'cas'>) {
    this.#kv = kv
  }

  /** @throws {HoldfastError} `CONFIG_INVALID` if another machine has the number of this one */
  async fetch(name: string, options: KvCallOptions): Promise<MachineRecord | undefined> {
    const entry = await this.#kv.get(keyOf(name), options)
    return entry && decode(name, entry.value)
  }

  /** Changes it as `change` says; undefined leaves it. Returns what it is then. */
  async change(
    name: string,
    change: (record: MachineRecord | undefined) => MachineRecord | undefined,
    options: KvCallOptions,
  ): Promise<MachineRecord | undefined> {
    for (let tries = 0; tries < CHANGES_MAX; tries++) {
      const entry = await this.#kv.get(keyOf(name), options)
      const before = entry && decode(name, entry.value)
      const after = change(before)
      if (after === undefined) return before
      const expected =
        entry === undefined
          ? ({ type: 'absent' } as const)
          : ({ type: 'revision', revision: entry.revision } as const)
      const value = fromUtf8(JSON.stringify(after))
      const answer = await this.#kv.cas({ key: keyOf(name), expected, value }, options)
      if (answer.type === 'written') return after
    }
    throw new HoldfastError('Cannot found a machine: others try all the time', {
      code: 'BUSY',
      what: 'machine record',
      limit: CHANGES_MAX,
    })
  }
}

/** The next try of founding it, by this replica. */
export function decidedBy(
  name: string,
  founder: ReplicaId,
  before: MachineRecord | undefined,
): MachineRecord {
  const attempt = before === undefined ? 0 : (before.attempt + 1) % ATTEMPTS_MAX
  return { name, attempt, state: 'decided', founder }
}

function decode(name: string, value: Uint8Array): MachineRecord {
  const record = JSON.parse(toUtf8(value)) as MachineRecord
  if (record.name === name) return record
  const reason = `its number is that of ${record.name}; call it otherwise`
  const details = { code: 'CONFIG_INVALID', key: `machines.${name}`, reason } as const
  throw new HoldfastError(`Cannot use machine ${name}: ${reason}`, details)
}
