import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { LinkView } from '../../../src/gateway/console/views/objects.ts'
import { type ApiError, request } from '../../api/client.ts'
import { asApiError } from '../../api/resource.ts'
import { moment } from '../../logic/format.ts'
import { Copy } from '../../parts/copy.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Failed } from '../../parts/shown.tsx'

const HOUR = 3_600_000
const spans = { '1 hour': HOUR, '1 day': 24 * HOUR, '7 days': 168 * HOUR } as const

type Span = keyof typeof spans

export interface ShareProps {
  readonly bucket: string
  readonly objectKey: string
  readonly version: string | undefined
  readonly onClose: () => void
}

/** A link by which anybody who reaches this gateway can read the object, for a while. */
export function Share({ bucket, objectKey, version, onClose }: ShareProps): VNode {
  const span = useSignal<Span>('1 hour')
  const link = useSignal<LinkView | undefined>(undefined)
  const failure = useSignal<ApiError | undefined>(undefined)
  const make = async (): Promise<void> => {
    failure.value = undefined
    try {
      link.value = await request<LinkView>('POST', '/api/v1/links', {
        body: {
          bucket,
          key: objectKey,
          expiresInMs: spans[span.value],
          ...(version !== undefined && { version }),
        },
      })
    } catch (error) {
      failure.value = asApiError(error)
    }
  }
  return (
    <Dialog title="Share this object" onClose={onClose}>
      <p>Whoever has the link and reaches this gateway can read the object, and nothing else.</p>
      <label class="field">
        <span>Good for</span>
        <select
          class="input"
          value={span}
          onChange={event => (span.value = event.currentTarget.value as Span)}
        >
          {Object.keys(spans).map(name => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      {failure.value !== undefined && <Failed error={failure.value} />}
      {link.value !== undefined && (
        <>
          <Copy text={link.value.url} label="link" />
          <p class="soft">Good until {moment(new Date(link.value.expiresAt))}.</p>
        </>
      )}
      <div class="line end">
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
        <button type="button" class="button" data-kind="main" onClick={() => void make()}>
          Make a link
        </button>
      </div>
    </Dialog>
  )
}
