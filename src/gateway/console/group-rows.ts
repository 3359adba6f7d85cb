import type { GroupView } from '../../node/consensus/group-view.ts'
import type { GroupRow } from './views/groups.ts'
import type { PeerRow } from './views/peers.ts'

/** Groups as the console has them: with what their voters can yet bear, and how steady each is. */
export function groupRows(groups: readonly GroupView[], peers: readonly PeerRow[]): GroupRow[] {
  const known = new Map(peers.map(row => [row.peer, row]))
  return groups.map(group => ({
    ...group,
    members: group.members.map(member => {
      const score = known.get(member.peer)?.score
      return { ...member, ...(score !== undefined && { score }) }
    }),
    tolerance: toleranceOf(group, known),
  }))
}

/** How many more voters may fail; below 0 it has no majority. While members change, of both sides. */
function toleranceOf({ members }: GroupView, known: ReadonlyMap<string, PeerRow>): number {
  const voters = members.filter(({ role }) => role === 'leader' || role === 'voter')
  const before = members.filter(({ role }) => role === 'leader' || role === 'outgoing')
  const sides = members.some(({ role }) => role === 'outgoing') ? [voters, before] : [voters]
  return Math.min(
    ...sides.map(side => {
      const there = side.filter(({ peer }) => {
        const state = known.get(peer)?.state
        return state === 'alive' || state === 'suspect'
      })
      return there.length - (Math.floor(side.length / 2) + 1)
    }),
  )
}
