import type { DecisionReason } from '../../src/gateway/console/views/groups.ts'
import { count, duration, percent, shortId } from './format.ts'

/** Why the members of a group change, in a sentence; a code that is not known is shown as it is. */
export function reasonText(
  reason: DecisionReason,
  nameOf: (replica: string) => string = shortId,
): string {
  const text = (field: string): string => {
    const value = reason[field]
    return typeof value === 'string' ? value : '?'
  }
  const named = (field: string): string => nameOf(text(field))
  const number = (field: string): number => Number(reason[field] ?? 0)
  const swap = `${named('replica')} by ${named('by')}`
  switch (reason.code) {
    case 'GROW':
      return `from ${number('from')} to ${number('to')} voters: there are peers enough`
    case 'SHRINK':
      return `from ${number('from')} to ${number('to')} voters: too few peers are left`
    case 'REPLACE_DEAD':
      return `${swap}: dead for ${duration(number('deadMs'))}`
    case 'REPLACE_WIPED':
      return `${swap}: its store was lost`
    case 'REPLACE_SILENT':
      return `${swap}: not heard of for ${duration(number('silentMs'))}`
    case 'DEMOTE_FLAPPING':
      return `${swap}: it died ${count(number('flapsPerHour'))} times an hour`
    case 'SPREAD_ZONES':
      return `${swap}: ${number('voters')} voters were in zone ${text('zone')}`
    case 'SWAP':
      return `${swap}: ${percent(number('byScore'))} stable instead of ${percent(number('score'))}`
    case 'ADD_LEARNER':
      return `${named('replica')} learns (${text('purpose').toLowerCase().replaceAll('_', ' ')})`
    case 'DROP_LEARNER':
      return `${named('replica')} learns no more: ${text('why')}`
    default:
      return reason.code
  }
}
