import type { NodeKv } from '../../src/node/kv/node-kv.ts'

type Kv = Pick<NodeKv, 'cas' | 'delete' | 'get' | 'list'>

/** A map with revisions, as the network's: for what uses it, not for how it is agreed on. */
export function memoryKv(): Kv & { readonly entries: Map<string, Uint8Array> } {
  const entries = new Map<string, Uint8Array>()
  const revisions = new Map<string, number>()
  let revision = 0
  const entryOf = (key: string) => {
    const value = entries.get(key)
    return value === undefined ? undefined : { key, value, revision: revisions.get(key) ?? 0 }
  }
  return {
    entries,
    get: async key => entryOf(key),
    async cas({ key, expected, value }) {
      const entry = entryOf(key)
      const holds =
        expected.type === 'absent'
          ? entry === undefined
          : expected.type === 'revision' && entry?.revision === expected.revision
      if (!holds) return { type: 'conflict', entry }
      if (value === undefined) entries.delete(key)
      else entries.set(key, value)
      revisions.set(key, ++revision)
      return { type: 'written', revision }
    },
    delete: async key => entries.delete(key),
    async list(prefix, { after = '' } = {}) {
      const keys = [...entries.keys()].filter(key => key.startsWith(prefix) && key > after)
      return { entries: keys.toSorted().flatMap(key => entryOf(key) ?? []), isMore: false }
    },
  }
}
