import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { LoggedEvent } from '../../../src/gateway/console/views/live.ts'
import { liveEvents, liveState } from '../../api/live.ts'
import { usePeerNames } from '../../api/peer-names.ts'
import { type EventKind, eventKinds, eventText, kindOf, weightOf } from '../../logic/event-text.ts'
import { clip, clockTime, counted, moment } from '../../logic/format.ts'
import { addressOf } from '../../logic/route.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Page, Panel } from '../../parts/panel.tsx'
import { Blank, Bones } from '../../parts/shown.tsx'
import { Glyph, Notice } from '../../parts/state.tsx'
import { type Column, Table } from '../../parts/table.tsx'

type Shown = EventKind | 'All'

/** What happens, as it happens. */
export function EventsPage(): VNode {
  const kind = useSignal<Shown>('All')
  const text = useSignal('')
  const held = useSignal<readonly LoggedEvent[] | undefined>(undefined)
  const nameOf = usePeerNames()
  const opened = useSignal<LoggedEvent | undefined>(undefined)
  const all = held.value ?? liveEvents.value
  const wanted = text.value.trim().toLowerCase()
  const rows = all
    .filter(event => kind.value === 'All' || kindOf(event) === kind.value)
    .filter(event => eventText(event, nameOf).toLowerCase().includes(wanted))
    .toReversed()
  return (
    <Page title="Events" hint="What this peer has seen happen, newest first">
      {liveState.value === 'lost' && (
        <Notice tone="warn">The feed was lost; it comes back by itself.</Notice>
      )}
      <Panel
        title={counted(rows.length, 'event')}
        isFlush
        aside={
          <div class="line">
            <input
              class="input filter"
              type="search"
              placeholder="Peer, group, word"
              aria-label="Filter events"
              value={text}
              onInput={event => (text.value = event.currentTarget.value)}
            />
            <select
              class="input short"
              aria-label="Kind of events"
              value={kind}
              onChange={event => (kind.value = event.currentTarget.value as Shown)}
            >
              {['All', ...Object.keys(eventKinds)].map(name => (
                <option key={name}>{name}</option>
              ))}
            </select>
            <button
              type="button"
              class="button"
              aria-pressed={held.value !== undefined}
              onClick={() => (held.value = held.value === undefined ? liveEvents.value : undefined)}
            >
              {held.value === undefined ? 'Hold' : 'Go on'}
            </button>
          </div>
        }
      >
        {rows.length > 0 ? (
          <Table
            label="Events"
            columns={columnsOf(nameOf)}
            rows={rows}
            idOf={({ id }) => id}
            tallCss="70dvh"
            onOpen={event => (opened.value = event)}
          />
        ) : liveState.value === 'connecting' ? (
          <Bones lines={6} />
        ) : (
          <Blank title="No event is like that" />
        )}
      </Panel>
      {opened.value !== undefined && (
        <Whole event={opened.value} nameOf={nameOf} onClose={() => (opened.value = undefined)} />
      )}
    </Page>
  )
}

interface WholeProps {
  readonly event: LoggedEvent
  readonly nameOf: (peer: string) => string
  readonly onClose: () => void
}

/** An event with all that is known of it. */
const Whole = ({ event, nameOf, onClose }: WholeProps): VNode => (
  <Dialog title={kindOf(event)} onClose={onClose}>
    <p class="wrap">
      <bdi>{clip(eventText(event, nameOf), 2000)}</bdi>
    </p>
    <p class="soft">
      {moment(new Date(event.at))}, {event.id}
    </p>
    <pre class="text" tabIndex={0} role="region" aria-label="All fields">
      <bdi>{clip(JSON.stringify(event, undefined, 2), 8000)}</bdi>
    </pre>
    <div class="line end">
      <button type="button" class="button" onClick={onClose}>
        Close
      </button>
    </div>
  </Dialog>
)

const columnsOf = (nameOf: (peer: string) => string): readonly Column<LoggedEvent>[] => [
  {
    name: 'When',
    width: '76px',
    cell: ({ at }) => (
      <time class="soft number" dateTime={at} title={moment(new Date(at))}>
        {clockTime(new Date(at))}
      </time>
    ),
  },
  {
    name: 'Kind',
    width: '92px',
    isWideOnly: true,
    cell: event => <span class="soft">{kindOf(event)}</span>,
  },
  {
    name: 'What',
    width: '1fr',
    cell: event => {
      const says = eventText(event, nameOf)
      return (
        <span class="state" data-tone={weightOf(event)} title={clip(says, 400)}>
          <Glyph tone={weightOf(event)} size={14} />
          <bdi>{clip(says, 300)}</bdi>
        </span>
      )
    },
  },
  {
    name: 'Where',
    width: '64px',
    isWideOnly: true,
    cell: event => linkOf(event),
  },
]

function linkOf(event: LoggedEvent): VNode | string {
  if (typeof event['peer'] === 'string') return <a href={addressOf('peers', event['peer'])}>peer</a>
  return typeof event['group'] === 'number' ? <a href={addressOf('groups')}>groups</a> : ''
}
