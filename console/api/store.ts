/**
 * What is known of the gateway's answers, by path: what was read, and what the live feed said since.
 * A page that was seen before is there at once.
 */
const KEPT_MAX = 64

const kept = new Map<string, unknown>()
const readers = new Map<string, Set<(value: unknown) => void>>()

export const known = (path: string): unknown => kept.get(path)

/** Remembers an answer and shows it to whoever reads that path. */
export function publish(path: string, value: unknown): void {
  kept.delete(path)
  kept.set(path, value)
  const [oldest] = kept.keys()
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest)
  for (const reader of readers.get(path) ?? []) reader(value)
}

/** Calls back with every answer at a path; returns what ends that. */
export function subscribe(path: string, reader: (value: unknown) => void): () => void {
  const all = readers.get(path) ?? new Set()
  readers.set(path, all.add(reader))
  return () => {
    all.delete(reader)
    if (all.size === 0) readers.delete(path)
  }
}

/** Nothing of what one person saw is for the next. */
export function forget(): void {
  kept.clear()
}
