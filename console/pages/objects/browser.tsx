import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'

import { request, pathOf } from '../../api/client.ts'
import { type Entry, Listing } from '../../api/listing.ts'
import { uploadsDone } from '../../api/uploads.ts'
import { bytes, count, counted, moment } from '../../logic/format.ts'
import { addressOf } from '../../logic/route.ts'
import { Confirm } from '../../parts/dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Blank, Bones, Failed } from '../../parts/shown.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { BucketFacts } from './bucket-facts.tsx'
import { DropZone } from './drop-zone.tsx'

export interface BrowserProps {
  readonly bucket: string
  readonly prefix: string
}

/** What is in one folder of a bucket. */
export function Browser({ bucket, prefix }: BrowserProps): VNode {
  const filter = useSignal('')
  const selected = useSignal<ReadonlySet<string>>(new Set())
  const isDeleting = useSignal(false)
  const sought = `${prefix}${filter.value}`
  const listing = useMemo(() => new Listing(bucket, sought), [bucket, sought])
  useEffect(() => {
    // Somebody who types does not want a list for each letter.
    const timer = setTimeout(() => void listing.more(), filter.value === '' ? 0 : 200)
    return () => {
      clearTimeout(timer)
      listing.close()
    }
  }, [listing])
  useEffect(() => {
    if (uploadsDone.value > 0) void listing.again()
  }, [uploadsDone.value])
  const { entries, isComplete, isReading, error } = listing.state.value
  const toggle = (key: string): void => {
    const next = new Set(selected.value)
    if (!next.delete(key)) next.add(key)
    selected.value = next
  }
  return (
    <DropZone bucket={bucket} prefix={prefix}>
      <BucketFacts bucket={bucket} />
      <Panel
        title={`${counted(entries.length, 'entry', 'entries')}${isComplete ? '' : ' so far'}`}
        isFlush
        aside={
          <div class="line">
            {selected.value.size > 0 && (
              <button
                type="button"
                class="button"
                data-kind="danger"
                onClick={() => (isDeleting.value = true)}
              >
                Delete {count(selected.value.size)}…
              </button>
            )}
            <input
              class="input filter"
              type="search"
              placeholder="Begins with…"
              aria-label="Show what begins with"
              value={filter}
              onInput={event => (filter.value = event.currentTarget.value)}
            />
            <button type="button" class="button" onClick={() => void listing.again()}>
              Refresh
            </button>
          </div>
        }
      >
        {error !== undefined && <Failed error={error} retry={() => void listing.more()} />}
        {entries.length > 0 ? (
          <Table
            label="Objects"
            columns={columnsFor({ bucket, prefix, selected: selected.value, toggle })}
            rows={entries}
            idOf={nameOf}
            tallCss="64dvh"
            onEnd={() => void listing.more()}
            onOpen={entry => (location.hash = addressFor(bucket, entry))}
          />
        ) : isReading || !isComplete ? (
          error === undefined && <Bones lines={6} />
        ) : (
          <Blank title={filter.value === '' ? 'Nothing is here yet' : 'Nothing begins with that'}>
            {filter.value === '' && <p>Drop files or folders here, or choose them above.</p>}
          </Blank>
        )}
      </Panel>
      {isDeleting.value && (
        <DeleteMany
          bucket={bucket}
          keys={[...selected.value]}
          onClose={() => {
            isDeleting.value = false
            selected.value = new Set()
            void listing.again()
          }}
        />
      )}
    </DropZone>
  )
}

const nameOf = (entry: Entry): string =>
  entry.type === 'folder' ? `${entry.name} folder` : entry.key

const addressFor = (bucket: string, entry: Entry): string =>
  entry.type === 'folder'
    ? addressOf('objects', bucket, entry.name)
    : addressOf('object', bucket, entry.key)

interface ColumnInput extends BrowserProps {
  readonly selected: ReadonlySet<string>
  readonly toggle: (key: string) => void
}

function columnsFor({ bucket, prefix, selected, toggle }: ColumnInput): readonly Column<Entry>[] {
  return [
    {
      name: ' ',
      width: '20px',
      cell: entry =>
        entry.type === 'object' && (
          <input
            type="checkbox"
            aria-label={`Select ${entry.key.slice(0, 100)}`}
            checked={selected.has(entry.key)}
            onChange={() => toggle(entry.key)}
          />
        ),
    },
    {
      name: 'Name',
      width: '3fr',
      cell: entry => {
        const text = entry.type === 'folder' ? entry.name : entry.key
        return (
          <a class="entry" href={addressFor(bucket, entry)}>
            <Icon name={entry.type === 'folder' ? 'folder' : 'file'} />{' '}
            <Name text={text.slice(prefix.length) || text} />
          </a>
        )
      },
    },
    {
      name: 'Size',
      width: '84px',
      align: 'end',
      cell: entry => (entry.type === 'folder' ? '–' : bytes(entry.sizeBytes)),
    },
    {
      name: 'Modified',
      width: '152px',
      isWideOnly: true,
      cell: entry =>
        entry.type === 'object' && <span class="number">{moment(new Date(entry.modified))}</span>,
    },
    {
      name: 'Fragments',
      width: '84px',
      isWideOnly: true,
      cell: entry =>
        entry.type === 'object' && <a href={addressOf('fragments', bucket, entry.key)}>Matrix</a>,
    },
  ]
}

/** Deletions that are under way at a time. */
const AT_ONCE = 6

function DeleteMany({
  bucket,
  keys,
  onClose,
}: {
  bucket: string
  keys: readonly string[]
  onClose: () => void
}): VNode {
  const act = async (): Promise<void> => {
    const left = [...keys]
    const work = async (): Promise<void> => {
      for (let key = left.shift(); key !== undefined; key = left.shift())
        await request('DELETE', pathOf('objects', bucket, key))
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }
  return (
    <Confirm
      title={`Delete ${counted(keys.length, 'object')}`}
      verb="Delete"
      isDangerous
      act={act}
      onClose={onClose}
    >
      <p>In a bucket that keeps versions the old ones stay; elsewhere this cannot be taken back.</p>
      <ul class="some">
        {keys.slice(0, 8).map(key => (
          <li key={key}>
            <Name text={key} />
          </li>
        ))}
        {keys.length > 8 && <li class="soft">and {count(keys.length - 8)} more</li>}
      </ul>
    </Confirm>
  )
}
