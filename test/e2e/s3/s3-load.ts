/**
 * A client of S3 for the checker of histories: reads, writes, and writes on conditions, some of them
 * as large as objects that lie in fragments. A condition that did not hold says that nothing was
 * done, and not what was there instead.
 */
import { findAccess } from '../../../src/gateway/local-access.ts'
import type { Action, Expectation } from '../../sim/linearizability/history.ts'
import { md5, S3Client, type S3Told } from '../../support/s3-client.ts'
import { keepAsking, loadOptions, PATIENCE_MS, type Told } from '../consensus/pacing.ts'

const BUCKET = '/history'
/** Beyond what rides in the log. */
const LARGE_CHARS = 6_000
const KNOWN_MAX = 100
const AGAIN_MS = 100
const options = loadOptions()
const pair = options.key ?? { id: '', secret: '' }
/** What was last seen under a key: what conditions are made of. */
const known = new Map<string, string>()

function someAction(key: string, fresh: () => string): Action {
  const chance = Math.random()
  if (chance < 0.35) return { type: 'get' }
  const value = Math.random() < 0.3 ? fresh().padEnd(LARGE_CHARS, '-') : fresh()
  if (chance < 0.55) return { type: 'put', value }
  if (chance < 0.7) return { type: 'cas', expected: { revision: 0 }, value }
  const seen = known.get(key)
  if (seen === undefined) return { type: 'get' }
  return { type: 'cas', expected: { value: seen }, value: chance < 0.92 ? value : undefined }
}

async function ask(directory: string, key: string, action: Action): Promise<Told> {
  let s3: S3Client
  try {
    s3 = new S3Client((await findAccess(directory)).url, pair)
  } catch (error) {
    return { outcome: { type: 'refused' }, error: String(error) }
  }
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    return toldOf(key, action, await within(signal, send(s3, key, action)))
  } catch (error) {
    const isRefused = (error as { code?: string }).code === 'ECONNREFUSED' || action.type === 'get'
    return { outcome: { type: isRefused ? 'refused' : 'unknown' }, error: String(error) }
  }
}

async function send(s3: S3Client, key: string, action: Action): Promise<S3Told> {
  const path = `${BUCKET}/${key}`
  if (action.type === 'get' || action.type === 'delete') return s3.ask('GET', path)
  const headers = action.type === 'cas' ? conditionOf(action.expected) : {}
  if (action.value === undefined) return s3.ask('DELETE', path, { headers })
  return s3.ask('PUT', path, { headers, body: action.value })
}

function conditionOf(expected: Expectation): Record<string, string> {
  if (!('value' in expected) || expected.value === undefined) return { 'if-none-match': '*' }
  return { 'if-match': `"${md5(expected.value).digest('hex')}"` }
}

function toldOf(key: string, action: Action, { status, code, text }: S3Told): Told {
  if (action.type === 'get' && (status === 200 || code === 'NoSuchKey')) {
    const value = status === 200 ? text : undefined
    learn(key, value)
    return { outcome: { type: 'found', value } }
  }
  if (status === 200 || status === 204) {
    learn(key, 'value' in action ? action.value : undefined)
    return { outcome: { type: 'written' } }
  }
  // The condition did not hold: an answer, though it does not say what was there.
  if (status === 412 || code === 'NoSuchKey') {
    known.delete(key)
    return { outcome: { type: 'refused' }, isAnswer: true }
  }
  const isRefused = action.type === 'get' || (status >= 400 && status < 500)
  return { outcome: { type: isRefused ? 'refused' : 'unknown' }, error: `${status} ${code}` }
}

function learn(key: string, value: string | undefined): void {
  known.delete(key)
  if (value !== undefined) known.set(key, value)
  const [oldest] = known.keys()
  if (known.size > KNOWN_MAX && oldest !== undefined) known.delete(oldest)
}

/** Every client makes it, whoever is first, as soon as there is a gateway that can. */
async function makeBucket(): Promise<void> {
  for (;;) {
    for (const directory of options.directories) if (await hasBucket(directory)) return
    await new Promise(done => void setTimeout(done, AGAIN_MS))
  }
}

async function hasBucket(directory: string): Promise<boolean> {
  try {
    const { url } = await findAccess(directory)
    const made = new S3Client(url, pair).ask('PUT', BUCKET)
    return (await within(AbortSignal.timeout(PATIENCE_MS), made)).status === 200
  } catch {
    return false
  }
}

const within = <Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> =>
  Promise.race([
    work,
    new Promise<never>((_, fail) =>
      signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true }),
    ),
  ])

await makeBucket()
await keepAsking(options, { someAction, ask })
