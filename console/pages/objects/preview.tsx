import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'
import { useEffect } from 'preact/hooks'

import type { ObjectView } from '../../../src/gateway/console/views/objects.ts'
import { bytes } from '../../logic/format.ts'
import { previewKind } from '../../logic/preview.ts'
import { Panel } from '../../parts/panel.tsx'
import { Blank, Bones } from '../../parts/shown.tsx'
import { Notice } from '../../parts/state.tsx'

/** Larger ones are downloaded to be looked at. */
const IMAGE_BYTES_MAX = 64 << 20
const TEXT_BYTES = 65_536

export interface PreviewProps {
  readonly view: ObjectView
  /** Where its bytes are. */
  readonly source: string
}

/** What is in an object, as far as a browser can show it. A film is read as it is watched. */
export function Preview({ view, source }: PreviewProps): VNode {
  return (
    <Panel title="Preview">
      <Content view={view} source={source} />
    </Panel>
  )
}

function Content({ view, source }: PreviewProps): VNode {
  const failed = useSignal(false)
  const kind = previewKind(view.key, view.headers['content-type'])
  if (view.needsKey) return <Blank title="Nobody can look into this without its key" />
  if (view.sizeBytes === 0) return <Blank title="It is empty" />
  if (kind === undefined) return <Blank title="There is no preview of this kind" />
  if (failed.value)
    return (
      <Notice tone="warn">
        This browser cannot show it; perhaps it is not what its name says.
      </Notice>
    )
  const fail = (): void => {
    failed.value = true
  }
  if (kind === 'video')
    return (
      <video class="film" src={source} controls preload="metadata" playsInline onError={fail}>
        <track kind="captions" />
      </video>
    )
  if (kind === 'audio')
    return <audio class="film" src={source} controls preload="metadata" onError={fail} />
  if (kind === 'text') return <TextPreview view={view} source={source} />
  if (view.sizeBytes > IMAGE_BYTES_MAX)
    return <Blank title={`Images above ${bytes(IMAGE_BYTES_MAX)} are not shown`} />
  return (
    <img class="picture" src={source} alt={`Content of ${view.key.slice(0, 100)}`} onError={fail} />
  )
}

function TextPreview({ view, source }: PreviewProps): VNode {
  const text = useSignal<string | undefined>(undefined)
  const problem = useSignal('')
  useEffect(() => {
    const ending = new AbortController()
    const headers = { range: `bytes=0-${TEXT_BYTES - 1}` }
    fetch(source, { headers, signal: ending.signal })
      .then(async response => {
        if (!response.ok) throw new Error(`the gateway answered ${response.status}`)
        text.value = await response.text()
      })
      .catch((error: unknown) => {
        if (!ending.signal.aborted) problem.value = String(error)
      })
    return () => ending.abort()
  }, [source, view.version])
  if (problem.value !== '') return <Notice tone="warn">{problem}</Notice>
  if (text.value === undefined) return <Bones />
  return (
    <>
      <pre class="text" tabIndex={0} role="region" aria-label="Text">
        <bdi>{text}</bdi>
      </pre>
      {view.sizeBytes > TEXT_BYTES && <p class="soft">The first {bytes(TEXT_BYTES)}.</p>}
    </>
  )
}
