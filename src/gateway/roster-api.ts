import { codeOf } from '../base/errors.ts'
import { peerRows } from './console/peer-rows.ts'
import type { ClocksView } from './console/views/clocks.ts'
import type { AuditView, PeerDetail, PeerMoment, PeerRow } from './console/views/peers.ts'
import type { LoggedEvent } from './event-log.ts'
import { onlyFields, optionalNatural, optionalText, queryFields, textIn } from './fields.ts'
import { HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import { type Answer, type Call, ok, param, type Route } from './route.ts'

/** Moments of a peer's history that are told. */
const MOMENTS_MAX = 200
const HELD_MAX = 500
const PEER = '/api/v1/peers/:peer'

/** What is known of all peers, and of each. */
export const rosterRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/v1/clocks', run: clocks },
  { method: 'GET', path: '/api/v1/peers', run: async call => ok(rowsOf(call)) },
  { method: 'GET', path: PEER, run: detailOf },
  { method: 'PATCH', path: PEER, run: rename },
  { method: 'GET', path: `${PEER}/fragments`, run: fragments },
]

const rowsOf = ({ node }: Call): readonly PeerRow[] => peerRows(node.peers(), Date.now())

/** The peer that the path names, by its id or by a name that only it has. */
function rowNamed(call: Call): PeerRow {
  const named = param(call, 'peer')
  const rows = rowsOf(call)
  const [row, other] = rows.some(({ peer: id }) => id === named)
    ? rows.filter(({ peer: id }) => id === named)
    : rows.filter(({ name }) => name !== '' && name === named)
  if (row === undefined) throw new HttpError(404, 'There is no such peer')
  if (other !== undefined)
    throw new HttpError(400, 'Several peers are called so: name it by its id')
  return row
}

async function detailOf(call: Call): Promise<Answer> {
  const row = rowNamed(call)
  const [groups, audited] = await Promise.all([call.overseer.groups(), auditsOf(call, row.peer)])
  const detail: PeerDetail = {
    peer: row,
    history: momentsOf(row.peer, call.events.newest(Infinity)),
    ...(audited !== undefined && { audits: audited }),
    groups: groups.flatMap(({ group, name, members }) =>
      members.filter(({ peer: id }) => id === row.peer).map(({ role }) => ({ group, name, role })),
    ),
  }
  return ok(detail)
}

/** What leaders found of it; undefined if none of them answers, or has asked it yet. */
async function auditsOf({ node, signal }: Call, id: string): Promise<AuditView | undefined> {
  try {
    const { audited } = await node.health({ signal })
    const found = audited.find(each => each.peer === id)
    if (found === undefined) return undefined
    const at = new Date(Date.now() - found.lastMsAgo).toISOString()
    return { ...found.counts, last: { at, outcome: found.last } }
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}

/** Newest first. */
function momentsOf(id: string, events: readonly LoggedEvent[]): readonly PeerMoment[] {
  return events
    .flatMap(({ at, event }): PeerMoment[] => {
      if (!('peer' in event) || event.peer !== id) return []
      if (event.type === 'peer') return [{ at, what: event.state, why: event.why }]
      return [{ at, what: event.type, why: event.type === 'banned' ? 'by decision' : event.role }]
    })
    .toReversed()
    .slice(0, MOMENTS_MAX)
}

/** `name`: what people call it from now on; an empty one takes that back. */
async function rename(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['name'])
  const name = textIn(body, 'name')
  const { peer: id } = rowNamed(call)
  await call.node.rename(id, name, { signal: call.signal })
  return ok({ peer: id, name })
}

async function fragments(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['after', 'limit'])
  const limit = optionalNatural(query, 'limit') ?? HELD_MAX
  const after = optionalText(query, 'after')
  const { peer: id } = rowNamed(call)
  return ok(await call.node.fragmentsOf(id, { after, limit, signal: call.signal }))
}

async function clocks(call: Call): Promise<Answer> {
  const view: ClocksView = {
    at: new Date().toISOString(),
    own: call.node.clock(),
    peers: rowsOf(call).flatMap(({ peer: id, name, isSelf, state, clock, load, rttMs }) =>
      clock === undefined
        ? []
        : [
            {
              ...clock,
              peer: id,
              name,
              isSelf,
              state,
              ageMs: load?.ageMs ?? 0,
              ...(rttMs !== undefined && { rttMs }),
            },
          ],
    ),
  }
  return ok(view)
}
