import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { BucketRow } from '../../../src/gateway/console/views/objects.ts'
import { request } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { counted, moment } from '../../logic/format.ts'
import { encoded, addressOf } from '../../logic/route.ts'
import { Confirm } from '../../parts/dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Blank, Shown } from '../../parts/shown.tsx'
import { type Column, Table } from '../../parts/table.tsx'

const columns: readonly Column<BucketRow>[] = [
  {
    name: 'Bucket',
    width: '2fr',
    order: ({ name }) => name,
    cell: ({ name }) => (
      <a class="entry" href={addressOf('objects', name)}>
        <Icon name="bucket" /> <Name text={name} />
      </a>
    ),
  },
  { name: 'Versions', width: '96px', order: row => row.versioning, cell: row => row.versioning },
  {
    name: 'Lock',
    width: '64px',
    isWideOnly: true,
    cell: ({ hasLock }) => (hasLock ? 'yes' : 'no'),
  },
  { name: 'Owner', width: '1fr', isWideOnly: true, cell: ({ owner }) => <Name text={owner} /> },
  {
    name: 'Created',
    width: '160px',
    isWideOnly: true,
    order: ({ created }) => created,
    cell: ({ created }) => <span class="number">{moment(new Date(created))}</span>,
  },
]

export function BucketList(): VNode {
  const buckets = useResource<readonly BucketRow[]>('/api/v1/buckets')
  const isMaking = useSignal(false)
  return (
    <Panel
      title={buckets.value === undefined ? 'Buckets' : counted(buckets.value.length, 'bucket')}
      isFlush
      aside={
        <button
          type="button"
          class="button"
          data-kind="main"
          onClick={() => (isMaking.value = true)}
        >
          New bucket
        </button>
      }
    >
      <Shown of={buckets}>
        {rows =>
          rows.length === 0 ? (
            <Blank title="There is no bucket yet">
              <p>Make one, and drop files into it.</p>
            </Blank>
          ) : (
            <Table
              label="Buckets"
              columns={columns}
              rows={rows}
              idOf={({ name }) => name}
              onOpen={({ name }) => (location.hash = addressOf('objects', name))}
            />
          )
        }
      </Shown>
      {isMaking.value && (
        <NewBucket
          onClose={() => {
            isMaking.value = false
            buckets.refresh()
          }}
        />
      )}
    </Panel>
  )
}

function NewBucket({ onClose }: { onClose: () => void }): VNode {
  const name = useSignal('')
  const isVersioned = useSignal(false)
  const isName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name.value)
  return (
    <Confirm
      title="New bucket"
      verb="Make it"
      isReady={isName}
      onClose={onClose}
      act={() =>
        request('PUT', `/api/v1/buckets/${encoded(name.value)}`, {
          body: { versioning: isVersioned.value ? 'enabled' : 'off' },
        })
      }
    >
      <label class="field">
        <span>Name: 3 to 63 lower-case letters, digits, dots and hyphens</span>
        <input
          class="input"
          maxLength={63}
          value={name}
          onInput={event => (name.value = event.currentTarget.value)}
        />
      </label>
      <label class="line">
        <input
          type="checkbox"
          checked={isVersioned.value}
          onChange={event => (isVersioned.value = event.currentTarget.checked)}
        />
        Keep old versions of objects
      </label>
    </Confirm>
  )
}
