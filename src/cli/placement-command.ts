import type { Command } from 'commander'

import type { FragmentPlacement, ObjectPlacement, PeerView, SegmentPlacement } from '../index.ts'
import { formatBytes } from './format.ts'
import { dataOption } from './member-commands.ts'
import { PeerClient } from './peer-client.ts'
import { peerLabels } from './peer-labels.ts'
import { formatTable, printable } from './table.ts'
import { objectPath, parseObject, queryOf, type Target, TARGET_HELP } from './target.ts'

/** How a state shows behind the name of the peer; those alone stand for nobody. */
const marks: Readonly<Record<FragmentPlacement['state'], string>> = {
  alive: '',
  suspect: '?',
  draining: '>',
  dead: '!',
  gone: '-',
  owed: '.',
}
const meanings: Readonly<Record<string, string>> = {
  '?': 'does not answer at the moment',
  '>': 'is being emptied',
  '!': 'is dead',
  '-': 'lost, to be rebuilt',
  '.': 'not there yet',
}

interface Flags {
  readonly data: string
  readonly version?: string
  readonly json?: boolean
}

/** `holdfast placement BUCKET/KEY` */
export function placementCommand(command: Command, signal: AbortSignal): void {
  command
    .description('draw which peer holds which fragment of an object')
    .argument('<BUCKET/KEY>')
    .option('--version <VERSION>', 'of an earlier version')
    .addOption(dataOption())
    .option('--json', 'print JSON')
    .addHelpText('after', `\n${TARGET_HELP}`)
    .action(async (text: string, flags: Flags) => {
      const client = await PeerClient.connect(flags.data, signal)
      const placement = await wholePlacement(client, parseObject(text), flags)
      if (flags.json === true) console.log(JSON.stringify(placement))
      else {
        const peers = await client.get<readonly PeerView[]>('/api/v1/peers')
        console.log(placementTable(placement, peerLabels(peers)))
      }
    })
}

/** All pages of it. */
async function wholePlacement(
  client: PeerClient,
  target: Target,
  { version }: Flags,
): Promise<ObjectPlacement> {
  const segments: SegmentPlacement[] = []
  for (let after: number | undefined; ;) {
    const query = queryOf({ version, after })
    const page = await client.get<ObjectPlacement>(`${objectPath('placement', target)}${query}`)
    segments.push(...page.segments)
    if (page.next === undefined) return { ...page, segments, next: undefined }
    after = page.next
  }
}

export function placementTable(
  placement: ObjectPlacement,
  label: (peer: string) => string,
): string {
  const { bucket, key, sizeBytes, isInline, segments } = placement
  const what = `${printable(`${bucket}/${key}`)}  ${formatBytes(sizeBytes)}`
  if (isInline) return `${what}\nso small that it rides in the index: every voter has it`
  if (segments.length === 0) return `${what}\nit has no bytes`
  return [`${what} in ${countOf(segments.length, 'segment')}`, '', matrix(segments, label), '']
    .concat(legend(segments), summary(segments))
    .join('\n')
}

function matrix(segments: readonly SegmentPlacement[], label: (peer: string) => string): string {
  const width = Math.max(...segments.map(({ k, m }) => k + m))
  const rows = segments.map(({ segment, sizeBytes, k, m, fragments, margin }) => [
    String(segment),
    formatBytes(sizeBytes),
    `${k}+${m}`,
    ...Array.from({ length: width }, (_, index) =>
      cellOf(
        fragments.find(each => each.index === index),
        label,
      ),
    ),
    String(margin),
  ])
  const columns = Array.from({ length: width }, (_, index) => String(index))
  return formatTable(['SEGMENT', 'SIZE', 'SCHEME', ...columns, 'MAY LOSE'], rows)
}

function cellOf(fragment: FragmentPlacement | undefined, label: (peer: string) => string): string {
  if (fragment === undefined) return ''
  const { peer, state, kind } = fragment
  const holder = peer === undefined ? '' : label(peer)
  return `${kind === 'parity' && holder !== '' ? '*' : ''}${holder}${marks[state]}`
}

/** What the marks that occur mean. */
function legend(segments: readonly SegmentPlacement[]): string[] {
  const fragments = segments.flatMap(segment => segment.fragments)
  const present = new Set(fragments.map(({ state }) => marks[state]))
  const parity = fragments.some(({ kind }) => kind === 'parity') ? ['* parity'] : []
  const states = Object.entries(meanings)
    .filter(([mark]) => present.has(mark))
    .map(([mark, meaning]) => `${mark} ${meaning}`)
  const all = [...parity, ...states]
  return all.length === 0 ? [] : [all.join(', ')]
}

function summary(segments: readonly SegmentPlacement[]): string {
  const margin = Math.min(...segments.map(each => each.margin))
  if (margin < 0) return 'not readable now: too few fragments of a segment are there'
  if (margin === 0) return 'readable; none of what it needs may be lost'
  return `any ${countOf(margin, 'more fragment')} of each segment may be lost`
}

const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
