import type { VNode } from 'preact'

import type {
  GroupMember,
  GroupMoment,
  GroupRow,
  PlaceView,
} from '../../../src/gateway/console/views/groups.ts'
import { usePeerNames } from '../../api/peer-names.ts'
import { useLive } from '../../api/resource.ts'
import { ago, clip, count, counted, moment, percent } from '../../logic/format.ts'
import { reasonText } from '../../logic/reasons.ts'
import { addressOf } from '../../logic/route.ts'
import { Name, PeerName } from '../../parts/name.tsx'
import { Fact, Facts, Page, Panel } from '../../parts/panel.tsx'
import { Blank, Shown } from '../../parts/shown.tsx'
import { Notice, State, type Tone } from '../../parts/state.tsx'

/** Who agrees on what, and how well. */
export function GroupsPage(): VNode {
  const groups = useLive<readonly GroupRow[]>('groups')
  const rows = groups.value ?? []
  const leaderless = rows.filter(({ leader }) => leader === undefined).length
  return (
    <Page
      title="Consensus"
      hint={
        groups.value &&
        `${counted(rows.length, 'group')}, ${leaderless === 0 ? 'each with a leader' : `${leaderless} without a leader`}`
      }
    >
      <Shown of={groups} lines={8}>
        {all =>
          all.length === 0 ? (
            <Blank title="This peer knows of no group yet" />
          ) : (
            all
              .toSorted((one, other) => one.group - other.group)
              .map(row => <Group key={row.group} row={row} />)
          )
        }
      </Shown>
    </Page>
  )
}

function Group({ row }: { row: GroupRow }): VNode {
  const peerName = usePeerNames()
  // A replica is named after its peer, and what follows a slash.
  const nameOf = (replica: string): string => peerName(replica.split('/', 1)[0] ?? replica)
  const title = row.group === 0 ? 'System group' : `Group ${row.name}`
  return (
    <Panel
      title={title}
      isFlush
      aside={
        row.leader === undefined ? (
          <State tone="bad">no leader</State>
        ) : (
          <State tone={toneOf(row)}>{toleranceText(row)}</State>
        )
      }
    >
      <div class="padded stack">
        <Facts>
          <Fact name="Term">{count(row.term)}</Fact>
          <Fact name="Commit index">{count(row.commit)}</Fact>
          <Fact name="Applied index">{count(row.applied)}</Fact>
          <Fact name="Told by">
            <bdi>{clip(peerName(row.seenBy), 60)}</bdi> ({row.role})
          </Fact>
          {row.epoch !== '' && <Fact name="Recovery epoch">{row.epoch}</Fact>}
        </Facts>
        {row.decision !== undefined && (
          <p class="soft wrap">
            Members last changed {ago(row.decision.agoMs)}:{' '}
            {reasonText(row.decision.reason, nameOf)}
          </p>
        )}
        {row.range !== undefined && (
          <p class="soft wrap">
            Owns <Place place={row.range.from} end="the beginning" /> to{' '}
            <Place place={row.range.to} end="the end" />
            {` · map epoch ${row.range.epoch}`}
          </p>
        )}
        {row.holds.length > 0 && (
          <Notice tone="warn">Members are not as they should be: {row.holds.join(', ')}.</Notice>
        )}
      </div>
      <Members members={row.members} />
      <Moments history={row.history} nameOf={nameOf} />
    </Panel>
  )
}

const toneOf = ({ tolerance }: GroupRow): Tone => {
  if (tolerance > 0) return 'good'
  return tolerance === 0 ? 'warn' : 'bad'
}

const toleranceText = ({ tolerance }: GroupRow): string => {
  if (tolerance > 0) return `${counted(tolerance, 'voter')} may be lost`
  return tolerance === 0 ? 'no voter may be lost' : 'stands still: too few voters'
}

function Place({ place, end }: { place: PlaceView | undefined; end: string }): VNode {
  if (place === undefined) return <span>{end}</span>
  return (
    <code>
      <bdi>{clip(`${place.bucket}/${place.key}`, 80)}</bdi>
    </code>
  )
}

const Members = ({ members }: { members: readonly GroupMember[] }): VNode => (
  <div class="scroll" tabIndex={0} role="region" aria-label="Members">
    <table class="simple">
      <thead>
        <tr>
          <th>Member</th>
          <th>Role</th>
          <th data-least="wide">Zone</th>
          <th data-align="end">Lag</th>
          <th data-align="end">Heard</th>
          <th data-align="end" data-least="wide">
            Stability
          </th>
        </tr>
      </thead>
      <tbody>
        {members.map(member => (
          <tr key={member.replica}>
            <td>
              <a class="held" href={addressOf('peers', member.peer)}>
                <PeerName {...member} />
              </a>
            </td>
            <td>{member.role}</td>
            <td data-least="wide">{member.zone === '' ? '–' : <Name text={member.zone} />}</td>
            <td data-align="end">
              {member.lag === undefined ? (
                '–'
              ) : (
                <State tone={member.lag < 100 ? 'good' : 'warn'}>
                  {counted(member.lag, 'entry', 'entries')}
                </State>
              )}
            </td>
            <td data-align="end">
              {member.heardMsAgo === undefined ? '–' : ago(member.heardMsAgo)}
            </td>
            <td data-align="end" data-least="wide">
              {member.score === undefined ? '–' : percent(member.score)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
)

/** More of them nobody reads. */
const MOMENTS_MAX = 12

interface MomentsProps {
  readonly history: readonly GroupMoment[]
  readonly nameOf: (replica: string) => string
}

function Moments({ history, nameOf }: MomentsProps): VNode | null {
  if (history.length === 0) return null
  return (
    <details class="padded">
      <summary>
        Elections, members, splits: the last {Math.min(history.length, MOMENTS_MAX)}
      </summary>
      <ol class="moments">
        {history.slice(0, MOMENTS_MAX).map((each, index) => (
          <li key={index}>
            <time class="soft number">{moment(new Date(each.at))}</time>{' '}
            <span class="wrap">
              <bdi>{clip(momentText(each, nameOf), 300)}</bdi>
            </span>
          </li>
        ))}
      </ol>
    </details>
  )
}

function momentText(each: GroupMoment, nameOf: (replica: string) => string): string {
  switch (each.type) {
    case 'leader':
      return `${each.leader === undefined ? 'no leader is known' : `${nameOf(each.leader)} leads`} in term ${each.term}: ${each.why}`
    case 'members':
      return `members change: ${reasonText(each.reason, nameOf)}`
    case 'split':
      return `its upper half became group ${each.child}`
  }
}
