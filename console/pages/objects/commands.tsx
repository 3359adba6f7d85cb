import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import { session } from '../../api/session.ts'
import { commandsFor } from '../../logic/commands.ts'
import { Copy } from '../../parts/copy.tsx'
import { Panel } from '../../parts/panel.tsx'

/** How to do all this without the console. */
export function Commands({ bucket, objectKey }: { bucket: string; objectKey: string }): VNode {
  const shown = useSignal<'curl' | 'holdfast'>('holdfast')
  const commands = commandsFor({
    program: session.value?.program ?? 'holdfast',
    dataDirectory: session.value?.dataDirectory ?? './holdfast-data',
    origin: location.origin,
    bucket,
    key: objectKey,
  })
  return (
    <Panel
      title="Commands"
      aside={
        <div class="tabs" role="group" aria-label="Program">
          {(['holdfast', 'curl'] as const).map(name => (
            <button
              key={name}
              type="button"
              class="button"
              aria-pressed={shown.value === name}
              onClick={() => (shown.value = name)}
            >
              {name}
            </button>
          ))}
        </div>
      }
    >
      <dl class="stack">
        {commands[shown.value].map(({ what, text }) => (
          <div key={what} class="stack tight">
            <dt class="soft">{what}</dt>
            <dd>
              <Copy text={text} label={`command: ${what}`} />
            </dd>
          </div>
        ))}
      </dl>
    </Panel>
  )
}
