import type { VNode } from 'preact'

import { again, clearFinished, type Upload, uploads, type UploadState } from '../../api/uploads.ts'
import { bytes, counted, duration, percent, rate } from '../../logic/format.ts'
import { addressOf } from '../../logic/route.ts'
import { Meter } from '../../parts/meter.tsx'
import { Name } from '../../parts/name.tsx'
import { Panel } from '../../parts/panel.tsx'
import { State, type Tone } from '../../parts/state.tsx'

const tones: Record<UploadState, Tone> = {
  waiting: 'idle',
  running: 'idle',
  paused: 'warn',
  done: 'good',
  failed: 'bad',
  cancelled: 'idle',
}

/** Uploads that are shown; the others are counted. */
const SHOWN_MAX = 30

/** What is on its way to the store. */
export function UploadPanel(): VNode | null {
  const all = uploads.value
  if (all.length === 0) return null
  const open = all.filter(({ state }) => !['cancelled', 'done'].includes(state.value))
  const done = all.filter(({ state }) => state.value === 'done')
  const shown = [...open, ...done.toReversed()].slice(0, SHOWN_MAX)
  const running = open.filter(({ state }) => state.value === 'running')
  const speed = running.reduce((sum, upload) => sum + upload.rate.value, 0)
  return (
    <Panel
      title="Uploads"
      isFlush
      aside={
        <div class="line">
          <span class="soft number">
            {open.length === 0 ? `${counted(done.length, 'file')} stored` : `${open.length} to go`}
            {speed > 0 && running.length > 0 && ` · ${rate(speed)}`}
          </span>
          <button type="button" class="button" data-kind="plain" onClick={clearFinished}>
            Clear finished
          </button>
        </div>
      }
    >
      <ul class="uploads">
        {shown.map((upload, index) => (
          <UploadLine key={`${upload.bucket}/${upload.key} ${index}`} upload={upload} />
        ))}
      </ul>
      {all.length > shown.length && (
        <p class="padded soft">and {counted(all.length - shown.length, 'more file')}</p>
      )}
    </Panel>
  )
}

function UploadLine({ upload }: { upload: Upload }): VNode {
  const { bucket, key, file, state, sent, problem } = upload
  const share = file.size === 0 ? 1 : sent.value / file.size
  return (
    <li>
      <span class="what">
        {state.value === 'done' ? (
          <a class="held" href={addressOf('object', bucket, key)}>
            <Name text={`${bucket}/${key}`} />
          </a>
        ) : (
          <Name text={`${bucket}/${key}`} />
        )}
        {problem.value !== '' && <span class="soft wrap">{problem}</span>}
      </span>
      <Meter share={share} label={`Uploaded of ${key.slice(0, 100)}`}>
        {percent(share)} of {bytes(file.size)}
      </Meter>
      <State tone={tones[state.value]}>
        {state.value === 'running' ? leftOf(upload) : state.value}
      </State>
      <span class="line">
        <Buttons upload={upload} />
      </span>
    </li>
  )
}

function leftOf({ file, sent, rate: speed }: Upload): string {
  if (sent.value >= file.size) return 'finishing'
  if (speed.value <= 0) return 'starting'
  return `${duration(((file.size - sent.value) / speed.value) * 1000)} left`
}

function Buttons({ upload }: { upload: Upload }): VNode | null {
  const state = upload.state.value
  if (state === 'done' || state === 'cancelled') return null
  return (
    <>
      {state === 'running' && (
        <button type="button" class="button" onClick={() => upload.pause()}>
          Pause
        </button>
      )}
      {(state === 'paused' || state === 'failed') && (
        <button type="button" class="button" onClick={() => again(upload)}>
          Resume
        </button>
      )}
      <button type="button" class="button" onClick={() => void upload.cancel()}>
        Cancel
      </button>
    </>
  )
}
