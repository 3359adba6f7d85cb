import { HoldfastError } from '../base/errors.ts'
import type { Activity, ActivityKind } from './activity.ts'
import type { ObjectReading, Store } from './store/store.ts'
import type { Upkeep } from './store/upkeep.ts'
import type { UpkeepService } from './upkeep/upkeep-service.ts'

/** Where the calls of a peer's store and upkeep go while it runs. */
export interface Served {
  /** Undefined on a storage member. */
  readonly store: Store | undefined
  readonly upkeep: UpkeepService
  readonly activity: Activity
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
  const upkeep = (): Omit<Upkeep, 'verify'> => served().upkeep
  return {
    put: async (place, source, options) => {
      // How long a body takes to come is its sender's affair.
      const isQuick = source instanceof Uint8Array && source.length <= QUICK_BYTES_MAX
      const put = (): ReturnType<Store['put']> => store().put(place, source, options)
      return counted(served(), await timed(served(), isQuick ? 'put' : 'other', put))
    },
    get: async (...call) =>
      watched(served(), await timed(served(), 'get', () => store().get(...call))),
    head: async (...call) => timed(served(), 'head', () => store().head(...call)),
    delete: async (...call) => timed(served(), 'other', () => store().delete(...call)),
    copy: async (...call) => timed(served(), 'other', () => store().copy(...call)),
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
    putPart: async (...call) =>
      counted(served(), await timed(served(), 'other', () => store().putPart(...call))),
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
    verify: async (place, segment, options) => {
      const one = { ...options, after: segment - 1, limit: 1 }
      const [found] = (await store().placement(place, one)).segments
      if (found?.segment !== segment) throw new RangeError(`the object has no segment ${segment}`)
      return served().upkeep.verifySegment(found, options)
    },
    planDrain: async (peer, options) => upkeep().planDrain(served().resolve(peer), options),
    fragmentsOf: async (peer, options) => upkeep().fragmentsOf(served().resolve(peer), options),
    drains: async (...call) => upkeep().drains(...call),
    rebalance: async (...call) => upkeep().rebalance(...call),
  }
}

/** Tells upkeep how long those wait who only ask for little, and remembers it. */
async function timed<Answer>(
  { upkeep, activity, nowMs }: Served,
  kind: ActivityKind | 'other',
  call: () => Promise<Answer>,
): Promise<Answer> {
  const startMs = nowMs()
  try {
    const answer = await call()
    const tookMs = nowMs() - startMs
    if (kind !== 'other') upkeep.foreground.observe(kind, tookMs)
    activity.asked(kind, true, tookMs)
    return answer
  } catch (error) {
    activity.asked(kind, false)
    throw error
  }
}

function counted<Answer extends { readonly sizeBytes: number }>(
  { activity }: Served,
  answer: Answer,
): Answer {
  activity.written(answer.sizeBytes)
  return answer
}

function watched({ activity }: Served, reading: ObjectReading): ObjectReading {
  const { body } = reading
  return { ...reading, body: { [Symbol.asyncIterator]: () => counting(body, activity) } }
}

async function* counting(
  body: AsyncIterable<Uint8Array>,
  activity: Activity,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) {
    activity.read(bytes.length)
    yield bytes
  }
}

function refuse(): never {
  const details = { code: 'NOT_AUTHORISED', peer: 'this peer', protocol: 'store' } as const
  throw new HoldfastError('Cannot do that here: a storage member cannot read the store', details)
}
