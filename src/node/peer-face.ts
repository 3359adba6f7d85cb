import { HoldfastError } from '../base/errors.ts'
import type { Store } from './store/store.ts'
import type { Upkeep } from './store/upkeep.ts'
import type { UpkeepService } from './upkeep/upkeep-service.ts'

/** Where the calls of a peer's store and upkeep go while it runs. */
export interface Served {
  /** Undefined on a storage member. */
  readonly store: Store | undefined
  readonly upkeep: UpkeepService
  readonly nowMs: () => number
  /** The id of the peer that is meant by an id or a name. */
  readonly resolve: (peer: string) => string
}

/** What a peer offers of the network's store. */
export type Faces = Store & Upkeep

/** Larger ones take as long as they take. */
const QUICK_BYTES_MAX = 65_536

/**
 * The store and the upkeep of a peer that may be stopped, and started again with others: each call
 * goes to what is there when it is made. Upkeep is told how long those wait who only ask for little.
 */
export function facesOf(served: () => Served): Faces {
  const store = (): Store => served().store ?? refuse()
  const upkeep = (): Upkeep => served().upkeep
  return {
    put: async (place, source, options) => {
      const isQuick = source instanceof Uint8Array && source.length <= QUICK_BYTES_MAX
      const put = (): ReturnType<Store['put']> => store().put(place, source, options)
      return isQuick ? timed(served(), 'put', put) : put()
    },
    get: async (...call) => timed(served(), 'get', () => store().get(...call)),
    head: async (...call) => timed(served(), 'head', () => store().head(...call)),
    delete: async (...call) => store().delete(...call),
    copy: async (...call) => store().copy(...call),
    list: (...call) => store().list(...call),
    listPage: async (...call) => timed(served(), 'list', () => store().listPage(...call)),
    listVersions: async (...call) => store().listVersions(...call),
    createBucket: async (...call) => store().createBucket(...call),
    bucket: async (...call) => store().bucket(...call),
    changeBucket: async (...call) => store().changeBucket(...call),
    deleteBucket: async (...call) => store().deleteBucket(...call),
    buckets: (...call) => store().buckets(...call),
    usage: async (...call) => store().usage(...call),
    document: async (...call) => store().document(...call),
    setDocument: async (...call) => store().setDocument(...call),
    setTags: async (...call) => store().setTags(...call),
    setLock: async (...call) => store().setLock(...call),
    createUpload: async (...call) => store().createUpload(...call),
    putPart: async (...call) => store().putPart(...call),
    copyPart: async (...call) => store().copyPart(...call),
    parts: async (...call) => store().parts(...call),
    completeUpload: async (...call) => store().completeUpload(...call),
    abortUpload: async (...call) => store().abortUpload(...call),
    partsOf: async (...call) => store().partsOf(...call),
    upload: async (...call) => store().upload(...call),
    uploads: async (...call) => store().uploads(...call),
    placement: async (...call) => store().placement(...call),
    upkeep: () => upkeep().upkeep(),
    repairs: async (...call) => upkeep().repairs(...call),
    drain: async (peer, options) => upkeep().drain(served().resolve(peer), options),
    undrain: async (peer, options) => upkeep().undrain(served().resolve(peer), options),
    planDrain: async (peer, options) => upkeep().planDrain(served().resolve(peer), options),
    fragmentsOf: async (peer, options) => upkeep().fragmentsOf(served().resolve(peer), options),
    drains: async (...call) => upkeep().drains(...call),
    rebalance: async (...call) => upkeep().rebalance(...call),
  }
}

async function timed<Answer>(
  { upkeep, nowMs }: Served,
  kind: string,
  call: () => Promise<Answer>,
): Promise<Answer> {
  const startMs = nowMs()
  const answer = await call()
  upkeep.foreground.observe(kind, nowMs() - startMs)
  return answer
}

function refuse(): never {
  const details = { code: 'NOT_AUTHORISED', peer: 'this peer', protocol: 'store' } as const
  throw new HoldfastError('Cannot do that here: a storage member cannot read the store', details)
}
