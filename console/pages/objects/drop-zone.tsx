import { useSignal } from '@preact/signals'
import type { ComponentChildren, TargetedDragEvent, VNode } from 'preact'
import { useRef } from 'preact/hooks'

import { filesIn, type FoundFile } from '../../api/dropped-files.ts'
import { enqueue, QUEUE_MAX } from '../../api/uploads.ts'
import { clip, count } from '../../logic/format.ts'
import { say } from '../../parts/toast.tsx'

export interface DropZoneProps {
  readonly bucket: string
  readonly prefix: string
  readonly children: ComponentChildren
}

/** Takes files and folders that are dropped on it, or chosen. */
export function DropZone({ bucket, prefix, children }: DropZoneProps): VNode {
  const isOver = useSignal(false)
  const chooser = useRef<HTMLInputElement>(null)
  const add = (files: readonly FoundFile[]): void => {
    const named = files.map(({ path, file }) => ({ key: `${prefix}${path}`, file }))
    const refused = enqueue(named, bucket)
    if (refused > 0)
      say('warn', `${count(refused)} files were left out: the list takes ${count(QUEUE_MAX)}.`)
  }
  const drop = async (event: TargetedDragEvent<HTMLDivElement>): Promise<void> => {
    event.preventDefault()
    isOver.value = false
    if (event.dataTransfer !== null) add(await filesIn(event.dataTransfer))
  }
  const choose = (input: HTMLInputElement): void => {
    add([...(input.files ?? [])].map(file => ({ path: file.name, file })))
    // So that the same file can be chosen again, to go on with it.
    input.value = ''
  }
  return (
    <div
      class="drop stack"
      data-over={isOver.value ? '' : undefined}
      onDragOver={event => {
        event.preventDefault()
        isOver.value = true
      }}
      onDragLeave={event => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) isOver.value = false
      }}
      onDrop={event => void drop(event)}
    >
      <div class="line">
        <button
          type="button"
          class="button"
          data-kind="main"
          onClick={() => chooser.current?.click()}
        >
          Upload files
        </button>
        <span class="soft">
          or drop them here: they go to <bdi>{clip(`${bucket}/${prefix}`, 80)}</bdi>
        </span>
        <input
          ref={chooser}
          class="hidden-text"
          type="file"
          multiple
          tabIndex={-1}
          aria-label="Files to upload"
          onChange={event => choose(event.currentTarget)}
        />
      </div>
      {children}
    </div>
  )
}
