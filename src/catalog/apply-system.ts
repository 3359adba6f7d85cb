import { compare, fromUtf8 } from '../base/bytes.ts'
import { bytes, natural, struct, type Versioned, versioned } from './codec.ts'
import { type Command, REGISTER_BYTES_MAX } from './commands.ts'
import { insist, refuse } from './refusals.ts'
import { DONE, type Result } from './results.ts'
import { everyRow, type Program } from './rows.ts'
import { overlaps, type Shard, shardRow, tiles } from './shard-map.ts'
import { rowsBehind, systemRow } from './tables.ts'
import type { Workspace } from './workspace.ts'

/**
 * The system group: the shard map, and registers for everything else that all must agree on
 * (members, keys, settings), whose meaning the catalog does not know.
 */
type CommandOf<Type extends Command['type']> = Extract<Command, { readonly type: Type }>

export const SYSTEM_GROUP = 0
const SHARDS_PAGE = 256

/** A small named value. */
export interface Register {
  readonly revision: number
  readonly value: Uint8Array
}

export const registerRow: Versioned<Register> = versioned(
  1,
  REGISTER_BYTES_MAX + 64,
  struct<Register>({ revision: natural(), value: bytes(REGISTER_BYTES_MAX) }),
)

const shardKey = ({ lo }: Pick<Shard, 'lo'>): Uint8Array => systemRow('shard', lo)
export const registerKey = (name: string): Uint8Array => systemRow('register', fromUtf8(name))

/** Every descriptor, in order. */
export function* shardsIn(work: Workspace): Program<readonly Shard[]> {
  const { after, before } = rowsBehind(systemRow('shard', new Uint8Array(0)), 0)
  // The first one stands at the empty position, that is at the very prefix.
  const from = after.slice(0, -1)
  const rows = yield* everyRow(work.rows, { after: from, before, pageRows: SHARDS_PAGE })
  return rows.map(({ value }) => shardRow.decode(value))
}

/**
 * New descriptors take the place of those they overlap, which they must cover exactly and with higher
 * epochs. The very first one covers everything.
 */
export function* updateShards(
  work: Workspace,
  { shards }: CommandOf<'updateShards'>,
): Program<Result> {
  insist(work.group === SYSTEM_GROUP, 'system group')
  const next = shards.toSorted((a, b) => compare(a.lo, b.lo))
  const [first, last] = [next[0], next.at(-1)]
  if (first === undefined || last === undefined) return refuse(NO_SHARDS)
  const span = { lo: first.lo, hi: last.hi }
  insist(tiles(next, span), 'shards without gaps')
  const known = yield* shardsIn(work)
  const replaced = known.filter(shard => overlaps(shard, span))
  const old = replaced.at(-1)
  if (known.length === 0) insist(span.lo.length === 0 && span.hi.length === 0, 'everything')
  else insist(old !== undefined && tiles(replaced, span), 'exactly what older shards cover')
  for (const shard of replaced) {
    const epoch = Math.min(...next.filter(other => overlaps(other, shard)).map(one => one.epoch))
    if (epoch <= shard.epoch)
      refuse({ code: 'STALE_EPOCH', group: shard.group, epoch: shard.epoch })
    work.remove(shardKey(shard))
  }
  for (const shard of next) work.write(shardKey(shard), shardRow, shard)
  return DONE
}

const NO_SHARDS = { code: 'INVALID_COMMAND', what: 'shards' } as const

export function* setRegister(
  work: Workspace,
  { name, ifRevision, value }: CommandOf<'setRegister'>,
): Program<Result> {
  insist(work.group === SYSTEM_GROUP, 'system group')
  insist(name.length > 0 && !name.includes('\0'), 'name of a register')
  const key = registerKey(name)
  const current = yield* work.read(key, registerRow)
  const have = current?.revision ?? 0
  if (ifRevision !== undefined && ifRevision !== have) {
    refuse({ code: 'STALE_REVISION', have, expected: ifRevision })
  }
  if (value === undefined) {
    work.remove(key)
    return { type: 'register', revision: 0 }
  }
  // A register that comes back must not be mistaken for the one that was there.
  const revision = Math.max(have, work.stamp.ms) + 1
  work.write(key, registerRow, { revision, value })
  return { type: 'register', revision }
}
