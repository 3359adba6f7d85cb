import type { LoggedEvent } from '../../src/gateway/console/views/live.ts'

export type EventKind = 'Clock' | 'Consensus' | 'Peers' | 'This peer'

/** What kinds of events there are for those who filter them, and what an event says. */
export const eventKinds: Readonly<Record<EventKind, readonly LoggedEvent['type'][]>> = {
  Peers: ['peer', 'admitted', 'banned'],
  Consensus: ['leader', 'members'],
  Clock: ['clock', 'clock disturbed'],
  'This peer': ['state', 'founded', 'failed'],
}

export const kindOf = ({ type }: LoggedEvent): EventKind =>
  (Object.keys(eventKinds) as EventKind[]).find(kind => eventKinds[kind].includes(type)) ??
  'This peer'

/** One sentence; `nameOf` gives what people call a peer. */
export function eventText(event: LoggedEvent, nameOf: (peer: string) => string): string {
  const field = (name: string): string => textOf(event[name])
  const peer = nameOf(field('peer'))
  switch (event.type) {
    case 'state':
      return `This peer is ${field('state')}.`
    case 'founded':
      return 'This peer has made a new network.'
    case 'admitted':
      return `${peer} was admitted as ${field('role')} member${field('zone') === '' ? '' : `, zone ${field('zone')}`}.`
    case 'banned':
      return `${peer} was banned.`
    case 'peer':
      return `${peer} is ${field('state')}: ${withNames(field('why'), nameOf)}.`
    case 'clock':
      return `The clock went from ${field('from').toLowerCase()} to ${field('to').toLowerCase()}.`
    case 'clock disturbed':
      return `Time did what it must not: ${field('what')}.`
    case 'leader':
      return event['leader'] === undefined
        ? `Group ${field('group')} has no leader that is known.`
        : `${nameOf(field('leader'))} leads group ${field('group')}.`
    case 'members':
      return `Group ${field('group')} changes its members (${codeOf(event['reason'])}).`
    case 'failed':
      return `This peer failed: ${field('error')}.`
    default:
      return JSON.stringify(event)
  }
}

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : ''

const codeOf = (reason: unknown): string =>
  ((reason as { readonly code?: string } | undefined)?.code ?? 'no reason')
    .toLowerCase()
    .replaceAll('_', ' ')

/** A text with names in it instead of ids. */
export const withNames = (text: string, nameOf: (peer: string) => string): string =>
  text.replaceAll(/12D3KooW[1-9A-HJ-NP-Za-km-z]{44}/g, nameOf)

export type EventWeight = 'bad' | 'good' | 'idle' | 'warn'

/** How much an event matters. */
export function weightOf(event: LoggedEvent): EventWeight {
  if (event.type === 'failed' || event.type === 'banned' || event['state'] === 'dead') return 'bad'
  if (event['state'] === 'suspect' || event.type === 'clock disturbed') return 'warn'
  if (event.type === 'leader' && event['leader'] === undefined) return 'warn'
  if (event['state'] === 'alive' || event.type === 'admitted') return 'good'
  return 'idle'
}
