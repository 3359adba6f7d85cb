import { currentEnd, type LifecycleRule } from '../../catalog/lifecycle.ts'
import type { ObjectInfo } from './store.ts'

export type { LifecycleRule } from '../../catalog/lifecycle.ts'

/** When the rules of its bucket end an object, if nobody writes it again, and which of them does. */
export function expiryOf(
  rules: readonly LifecycleRule[],
  { key, tags, sizeBytes, modified }: Pick<ObjectInfo, 'key' | 'tags' | 'sizeBytes' | 'modified'>,
): { readonly at: Date; readonly rule: string } | undefined {
  const pairs = Object.entries(tags).map(([name, value]) => ({ name, value }))
  const object = { key, tags: pairs, sizeBytes, sinceMs: modified.getTime() }
  const found = currentEnd(
    rules.filter(({ isEnabled }) => isEnabled),
    object,
  )
  return found && { at: new Date(found.endMs), rule: found.rule.id }
}
