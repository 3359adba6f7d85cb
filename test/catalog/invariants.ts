import assert from 'node:assert/strict'

import { toHex } from '../../src/base/bytes.ts'
import { positionOf } from '../../src/catalog/position.ts'
import { rowOf } from '../../src/catalog/records.ts'
import type { Row } from '../../src/catalog/rows.ts'
import { debtRow, holderRow, u32 } from '../../src/catalog/tables.ts'

/**
 * What must hold of the rows whatever happened, without knowing what did. Looks at every row of a
 * store whose ranges are those of one catalog.
 */
export function checkInvariants(rows: readonly Row[]): void {
  const tables = new Map<string, Row[]>()
  for (const row of rows) {
    const table = String.fromCharCode(row.key[0] as number)
    tables.set(table, [...(tables.get(table) ?? []), row])
  }
  const of = (table: string): readonly Row[] => tables.get(table) ?? []
  checkDerived(of)
  checkReferences(of)
  checkVersions(of)
  checkContents(of)
  checkUsage(of, rows)
}

type Tables = (table: string) => readonly Row[]

const hex = ({ key }: Row): string => toHex(key)

/** The reverse index and the debts are the segments, read another way. */
function checkDerived(of: Tables): void {
  const expected = new Map<string, string>()
  for (const { key, value } of of('s')) {
    const { fragments } = rowOf.segment.decode(value)
    const owed = fragments.filter(({ seat }) => seat === 0).length
    if (owed > 0) expected.set(toHex(debtRow(key)), toHex(u32(owed)))
    for (const [index, { seat }] of fragments.entries()) {
      if (seat !== 0) expected.set(toHex(holderRow(seat, key)), toHex(Uint8Array.of(index)))
    }
  }
  const found = [...of('p'), ...of('w')].map(row => [hex(row), toHex(row.value)] as const)
  assert.deepEqual(new Map(found), expected, 'reverse index and debts')
}

interface Held {
  readonly content: string
  readonly holder: string
}

/** References are rows, as many as are counted, and each has a version or a part that means it. */
function checkReferences(of: Tables): void {
  const wanted = new Set<string>()
  const want = ({ content, holder }: Held): void => void wanted.add(`${content} ${holder}`)
  for (const [table, decode] of versionTables) {
    for (const row of of(table)) {
      const { body } = decode(row.value)
      if (body.type !== 'content') continue
      const position = body.home === undefined ? positionIn(row) : positionOf(body.home)
      want({ content: contentOf(position, body.content), holder: toHex(body.holder) })
    }
  }
  for (const row of of('d')) {
    const part = row.key.subarray(-2)
    if (part.every(byte => byte === 0)) continue
    for (const { source } of rowOf.part.decode(row.value).extents) {
      if (source === undefined) continue
      const holder = toHex(row.key.subarray(-18))
      want({ content: contentOf(positionOf(source), source.content), holder })
    }
  }
  const there = new Set<string>()
  const counts = new Map<string, number>()
  for (const row of of('r')) {
    const home = positionIn(row)
    const rest = row.key.subarray(1 + home.length + 1)
    const content = contentOf(home, rest.subarray(0, 16))
    there.add(`${content} ${toHex(rest.subarray(16))}`)
    counts.set(content, (counts.get(content) ?? 0) + 1)
  }
  assert.deepEqual(there, wanted, 'references are those of versions and parts')
  for (const row of of('c')) {
    const { state, references } = rowOf.content.decode(row.value)
    const content = contentOf(positionIn(row), row.key.subarray(-16))
    assert.equal(references, counts.get(content) ?? 0, 'references are counted')
    assert.equal(references > 0, state === 'kept', 'what is kept is referenced')
  }
}

const versionTables = [
  ['o', (value: Uint8Array) => rowOf.head.decode(value).version],
  ['v', (value: Uint8Array) => rowOf.version.decode(value)],
] as const

function checkVersions(of: Tables): void {
  const older = new Map<string, { count: number; isNull: number }>()
  for (const row of of('v')) {
    const position = toHex(positionIn(row))
    const before = older.get(position) ?? { count: 0, isNull: 0 }
    const { isNull } = rowOf.version.decode(row.value)
    older.set(position, { count: before.count + 1, isNull: before.isNull + Number(isNull) })
  }
  let inline = 0
  for (const row of of('o')) {
    const head = rowOf.head.decode(row.value)
    const { count, isNull } = older.get(toHex(positionIn(row))) ?? { count: 0, isNull: 0 }
    older.delete(toHex(positionIn(row)))
    assert.equal(head.older, count, 'older versions are counted')
    assert.equal(isNull, head.olderNull === undefined ? 0 : 1, 'one null version, and known')
    assert.ok(!(head.version.isNull && isNull > 0), 'at most one null version')
  }
  assert.equal(older.size, 0, 'whatever has versions has a head')
  for (const [table, decode] of versionTables) {
    for (const row of of(table)) if (decode(row.value).body.type === 'inline') inline++
  }
  assert.equal(of('i').length, inline, 'inline bytes are those of inline versions')
}

/** Parts and segments belong to a content; whatever is not kept is watched, or being taken apart. */
function checkContents(of: Tables): void {
  const contents = new Set(of('c').map(row => toHex(row.key.subarray(1))))
  for (const row of of('d')) {
    assert.ok(contents.has(toHex(row.key.subarray(1, -2))), 'a part has a content')
  }
  for (const row of of('s')) {
    assert.ok(contents.has(toHex(row.key.subarray(1, -12))), 'a segment has a content')
  }
  const watched = new Set([...of('u'), ...of('x')].map(row => toHex(row.key.subarray(1))))
  for (const row of of('c')) {
    const { state } = rowOf.content.decode(row.value)
    if (state === 'kept') continue
    assert.ok(watched.has(toHex(row.key.subarray(1))), `a ${state} content is looked after`)
  }
}

/** Summed over home and mirrors, the usage of each bucket is that of its versions. */
function checkUsage(of: Tables, rows: readonly Row[]): void {
  const zero = () => ({ objects: 0, versions: 0, markers: 0, bytes: 0, uploads: 0 })
  const expected = new Map<string, ReturnType<typeof zero>>()
  const at = (row: Row): ReturnType<typeof zero> => {
    const home = bucketIn(row)
    const usage = expected.get(home) ?? zero()
    expected.set(home, usage)
    return usage
  }
  for (const [table, decode] of versionTables) {
    for (const row of of(table)) {
      const version = decode(row.value)
      const usage = at(row)
      if (version.body.type === 'marker') usage.markers++
      else usage.versions++
      if (table === 'o' && version.body.type !== 'marker') usage.objects++
      usage.bytes += version.sizeBytes
    }
  }
  for (const row of of('u')) if (rowOf.watch.decode(row.value).kind === 'upload') at(row).uploads++
  const found = new Map<string, ReturnType<typeof zero>>()
  const add = (home: string, usage: object): void => {
    const sum = found.get(home) ?? zero()
    for (const [name, value] of Object.entries(usage)) sum[name as 'bytes'] += value as number
    if (Object.values(sum).some(value => value !== 0)) found.set(home, sum)
    else found.delete(home)
  }
  for (const row of of('n')) add(toHex(row.key.subarray(1)), rowOf.usage.decode(row.value))
  for (const { key, value } of rows) {
    if (key[0] !== 0 || !Buffer.from(key).toString('latin1').endsWith('mirror')) continue
    const { bucket, usage } = rowOf.mirror.decode(value)
    add(toHex(positionOf({ bucket, key: '' })), usage)
  }
  for (const [home, usage] of expected) {
    if (Object.values(usage).every(value => value === 0)) expected.delete(home)
  }
  assert.deepEqual(found, expected, 'usage')
}

/** The position in a row's key. */
function positionIn({ key }: Row): Uint8Array {
  const bucketEnd = key.indexOf(0, 9)
  const end = key.indexOf(0, bucketEnd + 1)
  return key.subarray(1, end < 0 ? key.length : end)
}

const bucketIn = ({ key }: Row): string => toHex(key.subarray(1, key.indexOf(0, 9) + 1))

const contentOf = (home: Uint8Array, content: Uint8Array): string =>
  `${toHex(home)}/${toHex(content)}`
