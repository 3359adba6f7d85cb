import type { VNode } from 'preact'

import type { UsageView } from '../../../src/gateway/console/views/objects.ts'
import { useResource } from '../../api/resource.ts'
import { uploadsDone } from '../../api/uploads.ts'
import { bytes, counted } from '../../logic/format.ts'
import { encoded } from '../../logic/route.ts'
import { Notice } from '../../parts/state.tsx'

/** How much is in a bucket, in a line. */
export function BucketFacts({ bucket }: { bucket: string }): VNode {
  const path = `/api/v1/buckets/${encoded(bucket)}/usage`
  const { value, error } = useResource<UsageView>(
    path,
    uploadsDone.value % 2 === 0 ? 15_000 : 15_001,
  )
  if (error?.status === 404)
    return <Notice tone="bad">There is no bucket of this name, or not any more.</Notice>
  if (value === undefined) return <p class="soft">Counting…</p>
  const old = value.versions - value.objects
  return (
    <p class="soft">
      {counted(value.objects, 'object')}, {bytes(value.bytes)}
      {old > 0 && `, ${counted(old, 'older version')}`}
      {value.uploads > 0 && `, ${counted(value.uploads, 'unfinished upload')}`}
    </p>
  )
}
