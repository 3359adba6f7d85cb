import type { Mutant } from './mutant.ts'

/** Bugs of the catalog. */
const catalogChanges: readonly Omit<Mutant, 'scenario'>[] = [
  {
    name: 'write after the lease has ended',
    file: 'catalog/contents.ts',
    find: `  if (untilMs <= work.nowMs) refuse({ code: 'WRITE_EXPIRED', content: spell(content), untilMs })
  insist(`,
    replace: `  insist(`,
  },
  {
    name: 'keep a content that was released',
    file: 'catalog/apply-objects.ts',
    find: `  if (state === 'released') refuse(`,
    replace: `  if (state === 'released' && untilMs < 0) refuse(`,
  },
  {
    name: 'no fence for a content that nobody knows',
    file: 'catalog/apply-contents.ts',
    find: `  if (found === undefined) fence(work, { ...place, content }, undefined)
`,
    replace: ``,
  },
  {
    name: 'sweep intents long before their time',
    file: 'catalog/apply-contents.ts',
    find: `watch.untilMs > work.nowMs) continue`,
    replace: `watch.untilMs > work.nowMs + 600_000) continue`,
  },
  {
    name: 'collect an upload in flight',
    file: 'catalog/apply-contents.ts',
    find: `  work.write(row, rowOf.content, { state: 'open', references: 0, untilMs })
`,
    replace: `  work.write(row, rowOf.content, { state: 'open', references: 0, untilMs })
  work.write(releasedRow(home, content), rowOf.place, { bucket: bucketName, key })
`,
  },
  {
    name: 'forget the parts an upload does not name',
    file: 'catalog/apply-contents.ts',
    find: `    yield* releasePart(work, name, { number, part })
    work.remove(row)`,
    replace: `    work.remove(row)`,
  },
  {
    name: 'leave the old blob of a part that is sent again',
    file: 'catalog/apply-contents.ts',
    find: `    yield* releasePart(work, name, { number, part: old })
`,
    replace: ``,
  },
  {
    name: 'a copied part refers to nothing',
    file: 'catalog/apply-contents.ts',
    find: `    yield* addReference(work, extent.source, { holder, place: name })
`,
    replace: `    if (number < 0) yield* addReference(work, extent.source, { holder, place: name })
`,
  },
  {
    name: 'count a reference twice',
    file: 'catalog/contents.ts',
    find: `  if (yield* work.has(reference)) return
`,
    replace: ``,
  },
  {
    name: 'release a content with its first reference',
    file: 'catalog/contents.ts',
    find: `references === 0 ? 'released'`,
    replace: `references <= 1 ? 'released'`,
  },
  {
    name: 'give up a reference that is not there',
    file: 'catalog/contents.ts',
    find: `  if (!(yield* work.has(reference))) return
  work.remove(reference)`,
    replace: `  work.remove(reference)`,
  },
  {
    name: 'lose references into other ranges',
    file: 'catalog/contents.ts',
    find: `    work.write(outboxRow(position, name.content, holder), rowOf.place, { bucket, key })
`,
    replace: `    if (bucket === key) work.write(outboxRow(position, name.content, holder), rowOf.place, name)
`,
  },
  {
    name: 'a segment commits with k holders',
    file: 'catalog/segments.ts',
    find: `Math.max(k + 1, k + Math.ceil((fragments - k) / 2))`,
    replace: `k`,
  },
  {
    name: 'two fragments of a segment on one peer',
    file: 'catalog/segments.ts',
    find: `  insist(new Set(seats).size === seats.length, 'one fragment per peer')
`,
    replace: ``,
  },
  {
    name: 'the reverse index keeps a holder that is gone',
    file: 'catalog/segments.ts',
    find: `next?.fragments[index]?.seat !== seat) work.remove(holderRow(seat, row))`,
    replace: `next === undefined) work.remove(holderRow(seat, row))`,
  },
  {
    name: 'a debt that was paid stays',
    file: 'catalog/segments.ts',
    find: `if (owes === 0 && owed > 0) work.remove(debtRow(row))`,
    replace: `if (next === undefined) work.remove(debtRow(row))`,
  },
  {
    name: "a moved fragment is nobody's garbage",
    file: 'catalog/apply-segments.ts',
    find: `    discard(work, row, { generation, index, fragment: current })
`,
    replace: `    discard(work, row, { generation, index, fragment })
`,
  },
  {
    name: 'place by an old revision',
    file: 'catalog/apply-segments.ts',
    find: `  if (have !== expected) refuse(`,
    replace: `  if (have < expected) refuse(`,
  },
  {
    name: 'place on a peer that may be dropping it',
    file: 'catalog/apply-segments.ts',
    find: `    if (yield* work.has(order)) {`,
    replace: `    if (order.length === 0) {`,
  },
  {
    name: 'a peer that asks does not fence placements',
    file: 'catalog/apply-segments.ts',
    find: `{ ...found, revision: revision + 1 })
    return { type: 'content', state: 'released' }`,
    replace: `{ ...found, revision })
    return { type: 'content', state: 'released' }`,
  },
  {
    name: 'judge conditions by a delete marker',
    file: 'catalog/conditions.ts',
    find: `version?.body.type === 'marker' ? undefined : version`,
    replace: `version`,
  },
  {
    name: 'if-none-match looks at the etag alone',
    file: 'catalog/conditions.ts',
    find: `etags.includes('*') || etags.includes(etag)`,
    replace: `etags.includes(etag)`,
  },
  {
    name: 'delete what a legal hold protects',
    file: 'catalog/locks.ts',
    find: `  if (hasLegalHold) refuse(`,
    replace: `  if (hasLegalHold && nowMs < 0) refuse(`,
  },
  {
    name: 'shorten a retention in compliance mode',
    file: 'catalog/locks.ts',
    find: `const isLonger = next !== undefined && next.untilMs >= current.untilMs`,
    replace: `const isLonger = next !== undefined`,
  },
  {
    name: 'stamps that do not grow within a millisecond',
    file: 'catalog/stamp.ts',
    find: `compareStamps(wanted, last) > 0) return wanted`,
    replace: `compareStamps(wanted, last) >= 0) return wanted`,
  },
  {
    name: 'two null versions of a key',
    file: 'catalog/versions.ts',
    find: `  if (version.isNull && olderNull !== undefined) {`,
    replace: `  if (version.isNull && olderNull !== undefined && older < 0) {`,
  },
  {
    name: 'a deleted head leaves its key without one',
    file: 'catalog/versions.ts',
    find: `const next = isHead ? yield* nextHead(work, position, head) : without(head, version)`,
    replace: `const next = isHead ? undefined : without(head, version)`,
  },
  {
    name: 'inline bytes outlive their version',
    file: 'catalog/versions.ts',
    find: `  if (version.body.type === 'inline') work.remove(inlineRow(position, version.stamp))
`,
    replace: ``,
  },
  {
    name: 'a list goes on behind a key it did not show',
    file: 'catalog/query-objects.ts',
    find: `if (isFull()) return { objects, prefixes, next: last, goesOn: scan.goesOn }`,
    replace: `if (isFull()) return { objects, prefixes, next: scan.cursor, goesOn: scan.goesOn }`,
  },
  {
    name: 'a common prefix is listed once per key',
    file: 'catalog/query-objects.ts',
    find: `        prefixes.push(prefix)
        scan.skipPast(prefix)
      }`,
    replace: `        prefixes.push(prefix)
      }`,
  },
  {
    name: 'take a content apart without its fragments',
    file: 'catalog/segments.ts',
    find: `    discard(work, row, { generation, index, fragment })
  }
  writeSegment(`,
    replace: `  }
  writeSegment(`,
  },
  {
    name: 'forget references of a content that is taken apart',
    file: 'catalog/collect.ts',
    find: `if (source !== undefined) yield*`,
    replace: `if (source !== undefined && budget < 0) yield*`,
  },
  {
    name: 'a split forgets the bucket it cuts',
    file: 'catalog/apply-ranges.ts',
    find: `    work.write(mirrorRow(group), rowOf.mirror, mirror)
`,
    replace: `    work.write(mirrorRow(work.group), rowOf.mirror, mirror)
`,
  },
  {
    name: 'a merge forgets what the other range counted',
    file: 'catalog/apply-ranges.ts',
    find: `  yield* takeMirror(work, group)
`,
    replace: `  work.remove(mirrorRow(group))
`,
  },
  {
    name: 'accept commands for another range',
    file: 'catalog/workspace.ts',
    find: `    insist(isKey(place.key), 'key')
    const position = positionOf(place)
    if (!holds(this.range, position)) {`,
    replace: `    insist(isKey(place.key), 'key')
    const position = positionOf(place)
    if (this.group < 0) {`,
  },
  {
    name: 'a refused command changes what it touched first',
    file: 'catalog/apply.ts',
    find: `    return refusedEntry(context, error.refusal)`,
    replace: `    return { ...refusedEntry(context, error.refusal), changes: draft.changes }`,
  },
]

/** Bugs of placement. */
const placementChanges: readonly Omit<Mutant, 'scenario'>[] = [
  {
    name: 'repair counts suspects as dead',
    file: 'placement/peer-view.ts',
    find: `  state === 'alive' || state === 'suspect' || state === 'draining'`,
    replace: `  state === 'alive' || state === 'draining'`,
  },
  {
    name: 'list what was built without a proof',
    file: 'placement/repair-planner.ts',
    find: `const targets = job.targets.filter(({ index }) => indices.includes(index))`,
    replace: `const targets = job.targets.filter(({ index }) => indices.length >= 0 || index < 0)`,
  },
  {
    name: 'give a peer a second fragment of a segment',
    file: 'placement/repair-planner.ts',
    find: `taken: segment.seats.filter(seat => seat !== 0),`,
    replace: `taken: [],`,
  },
  {
    name: 'choose peers that are not there',
    file: 'placement/peer-view.ts',
    find: `peer.state === 'alive' && roomOf(peer) >= fragmentBytes`,
    replace: `roomOf(peer) >= fragmentBytes`,
  },
  {
    name: 'build from fewer than k fragments',
    file: 'placement/repair-planner.ts',
    find: `survivors.length < segment.k ? undefined`,
    replace: `survivors.length < segment.k - 9 ? undefined`,
  },
  {
    name: 'place what was called off',
    file: 'placement/repair-planner.ts',
    find: `    this.#jobs.delete(job.segment.id)
    if (wanted.length > 0) this.#add(job.segment, { kind: job.kind, wanted })`,
    replace: `    if (wanted.length > 0) this.#add(job.segment, { kind: job.kind, wanted })`,
  },
  {
    name: 'never list again what failed',
    file: 'placement/repair-planner.ts',
    find: `  #fail(job: Job): void {
    this.#jobs.delete(job.segment.id)
    this.#scans.missed()`,
    replace: `  #fail(job: Job): void {
    this.#jobs.delete(job.segment.id)`,
  },
  {
    name: 'look at a dead peer only before its grace',
    file: 'placement/repair-scans.ts',
    find: `if (!this.isInGrace(seat)) this.#want(seat, 'all')`,
    replace: `if (this.isInGrace(seat)) this.#want(seat, 'all')`,
  },
  {
    name: 'call a peer drained when one page of its list was empty',
    file: 'placement/repair-scans.ts',
    find: `const isEmpty = page.next === undefined && scan.count === 0`,
    replace: `const isEmpty = page.next === undefined`,
  },
]

export const catalogMutants: readonly Mutant[] = [
  ...catalogChanges.map(change => ({ ...change, scenario: 'catalog' })),
  ...placementChanges.map(change => ({ ...change, scenario: 'placement' })),
]
