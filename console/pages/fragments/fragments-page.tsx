import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'

import type { MatrixView } from '../../../src/gateway/console/views/fragments.ts'
import { pathOf, queryText } from '../../api/client.ts'
import { wantMatrix } from '../../api/live.ts'
import { useResource } from '../../api/resource.ts'
import { bytes, counted, moment } from '../../logic/format.ts'
import { outlookOf, outlookText } from '../../logic/loss.ts'
import { cellsOfRange } from '../../logic/range-cells.ts'
import { encoded, addressOf } from '../../logic/route.ts'
import { Name } from '../../parts/name.tsx'
import { Page, Panel } from '../../parts/panel.tsx'
import { Blank, Shown } from '../../parts/shown.tsx'
import { Notice } from '../../parts/state.tsx'
import { Crumbs } from '../objects/objects-page.tsx'
import { Holders } from './holders.tsx'
import { MatrixLegend } from './matrix-legend.tsx'
import { type CellName, Matrix } from './matrix.tsx'
import { RangeTool } from './range-tool.tsx'
import { SegmentTable } from './segment-table.tsx'

export interface FragmentsPageProps {
  readonly bucket: string
  readonly objectKey: string
  readonly version: string | undefined
}

const PAGE = 1000
/** The feed brings what changes; this is in case it cannot. */
const EVERY_MS = 4000

/** Which peer holds which part of an object, and what that means. */
export function FragmentsPage({ bucket, objectKey, version }: FragmentsPageProps): VNode {
  const after = useSignal<number | undefined>(undefined)
  const query = { version, after: after.value, limit: PAGE }
  const path = pathOf('matrix', bucket, objectKey) + queryText(query)
  const matrix = useResource<MatrixView>(path, EVERY_MS)
  useEffect(() => {
    const rest = queryText(query).replace('?', '&')
    return wantMatrix(`matrix=${encoded(`${bucket}/${objectKey}`)}${rest}`, path)
  }, [path])
  const name = objectKey.slice(objectKey.lastIndexOf('/') + 1) || objectKey
  const names = [bucket, objectKey, ...(version === undefined ? [] : [version])]
  return (
    <Page
      title={`Fragments of ${name.slice(0, 80)}`}
      heading={
        <>
          <Crumbs bucket={bucket} prefix={objectKey.slice(0, objectKey.length - name.length)} /> ›{' '}
          <a class="held" href={addressOf('object', ...names)}>
            <Name text={name} />
          </a>{' '}
          › Fragments
        </>
      }
    >
      <Shown of={matrix} lines={10}>
        {view =>
          view.isInline ? (
            <Inline view={view} />
          ) : (
            <Fragments view={view} turn={next => (after.value = next)} />
          )
        }
      </Shown>
    </Page>
  )
}

const Inline = ({ view }: { view: MatrixView }): VNode => (
  <Panel title="No fragments">
    <Blank title={`These ${bytes(view.sizeBytes)} ride inside the log`}>
      <p>
        Every voter of the group that owns the object has all of it: it is as safe as the{' '}
        <a href={addressOf('groups')}>group</a>.
      </p>
    </Blank>
  </Panel>
)

interface FragmentsProps {
  readonly view: MatrixView
  /** To the segments that begin behind this one. */
  readonly turn: (after: number | undefined) => void
}

function Fragments({ view, turn }: FragmentsProps): VNode {
  const pinned = useSignal<ReadonlySet<string>>(new Set())
  const hovered = useSignal<string | undefined>(undefined)
  const range = useSignal<readonly [number, number] | undefined>(undefined)
  const selected = useSignal<CellName | undefined>(undefined)
  const without = useMemo(
    () => new Set([...pinned.value, ...(hovered.value === undefined ? [] : [hovered.value])]),
    [pinned.value, hovered.value],
  )
  const touched = useMemo(
    () => (range.value === undefined ? undefined : cellsOfRange(view, ...range.value)),
    [view, range.value],
  )
  const outlook = outlookOf(view, without)
  const imagined = without.size === 0 ? '' : `If ${counted(without.size, 'peer')} went: `
  const tone =
    outlook.unreadable > 0 ? 'bad' : outlook.worst === 0 || outlook.short > 0 ? 'warn' : 'good'
  const row = view.segments.find(({ segment }) => segment === selected.value?.segment)
  return (
    <>
      <Notice tone={tone}>
        <p aria-live="polite">
          <strong>
            {imagined}
            {outlookText(outlook)}
          </strong>
        </p>
        <p class="soft">
          {bytes(view.sizeBytes)} in {counted(view.segmentsTotal, 'segment')} on{' '}
          {counted(view.holders.length, 'peer')}; each fragment was verified durable before{' '}
          {moment(new Date(view.writtenAt))}.
        </p>
      </Notice>
      <div class="matrix-page">
        <div class="stack">
          <Panel title="Segments × fragments" aside={<Turner view={view} turn={turn} />}>
            <div class="stack">
              <MatrixLegend />
              <Matrix
                view={view}
                without={without}
                touched={touched?.columns}
                selected={selected.value}
                select={cell => (selected.value = cell)}
              />
            </div>
          </Panel>
          {row !== undefined && (
            <SegmentTable view={view} row={row} index={selected.value?.index} />
          )}
        </div>
        <div class="stack">
          <Holders
            view={view}
            pinned={pinned.value}
            pin={peers => (pinned.value = peers)}
            hover={peer => (hovered.value = peer)}
          />
          <RangeTool
            view={view}
            range={range.value}
            touched={touched}
            show={wanted => (range.value = wanted)}
          />
        </div>
      </div>
    </>
  )
}

/** Through an object that has more segments than one picture. */
function Turner({ view, turn }: FragmentsProps): VNode | null {
  const first = view.segments[0]?.segment ?? 0
  const last = view.segments.at(-1)?.segment ?? 0
  if (view.segmentsTotal <= view.segments.length) return null
  return (
    <div class="line">
      <span class="soft number">
        {first}–{last} of {view.segmentsTotal}
      </span>
      <button type="button" class="button" disabled={first === 0} onClick={() => turn(undefined)}>
        First
      </button>
      <button
        type="button"
        class="button"
        disabled={view.next === undefined}
        onClick={() => turn(view.next)}
      >
        Next
      </button>
    </div>
  )
}
