import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { MatrixView } from '../../../src/gateway/console/views/fragments.ts'
import { bytes, count, counted } from '../../logic/format.ts'
import type { TouchedCells } from '../../logic/range-cells.ts'
import { Panel } from '../../parts/panel.tsx'

export interface RangeToolProps {
  readonly view: MatrixView
  readonly range: readonly [number, number] | undefined
  readonly touched: TouchedCells | undefined
  readonly show: (range: readonly [number, number] | undefined) => void
}

/** Which cells a read of some bytes would touch, such as a jump within a film. */
export function RangeTool({ view, range, touched, show }: RangeToolProps): VNode {
  const from = useSignal(Math.floor(view.sizeBytes * 0.8))
  const length = useSignal(Math.min(1_000_000, view.sizeBytes))
  const apply = (): void => {
    const start = Math.min(Math.max(0, from.value), Math.max(0, view.sizeBytes - 1))
    show([start, Math.min(view.sizeBytes, start + Math.max(1, length.value))])
  }
  return (
    <Panel title="What does a read touch?">
      <form
        class="stack"
        onSubmit={event => {
          event.preventDefault()
          apply()
        }}
      >
        <label class="field">
          <span>From byte {count(from.value)}</span>
          <input
            type="range"
            min={0}
            max={view.sizeBytes}
            value={from}
            onInput={event => {
              from.value = event.currentTarget.valueAsNumber
              if (range !== undefined) apply()
            }}
          />
        </label>
        <label class="field">
          <span>How many bytes</span>
          <input
            class="input"
            type="number"
            min={1}
            max={view.sizeBytes}
            value={length}
            onInput={event => (length.value = event.currentTarget.valueAsNumber || 1)}
          />
        </label>
        <div class="line">
          <button type="submit" class="button">
            Show
          </button>
          {range !== undefined && (
            <button type="button" class="button" data-kind="plain" onClick={() => show(undefined)}>
              Show all
            </button>
          )}
        </div>
        {range !== undefined && touched !== undefined && (
          <p aria-live="polite">
            {bytes(range[1] - range[0])} need {counted(touched.cells, 'cell')} (
            {bytes(touched.bytes)}) of {counted(touched.columns.size, 'segment')}. Nothing else is
            read.
          </p>
        )}
      </form>
    </Panel>
  )
}
