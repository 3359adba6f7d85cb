/**
 * How much memory a stream takes: encrypts, encodes and hashes synthetic bytes in worker threads and
 * drops what comes out. Run by itself, `node bench/erasure/memory.ts GIB`, since the most memory a
 * process ever had can only be measured once.
 */
import { CoderPool } from '../../src/node/coder/coder-pool.ts'
import { createUnitKey } from '../../src/node/coder/data-key.ts'
import { encodeStream } from '../../src/node/coder/encode-stream.ts'

const CHUNK_BYTES = 1 << 20
const sizeBytes = Number(process.argv[2] ?? 1) * 2 ** 30

async function* synthetic(): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(CHUNK_BYTES).map((_, at) => at * 31)
  for (let done = 0; done < sizeBytes; done += CHUNK_BYTES) yield chunk
}

const coder = await CoderPool.create()
const beforeBytes = process.memoryUsage.rss()
const start = performance.now()
const key = createUnitKey(new Uint8Array(17))
for await (const event of encodeStream(synthetic(), { coder, scheme: { k: 6, m: 3 }, key }))
  if (event.type === 'cells') event.release()
const seconds = (performance.now() - start) / 1000
const peakBytes = process.resourceUsage().maxRSS * 1024
await coder.close()
console.log(JSON.stringify({ sizeBytes, seconds, beforeBytes, peakBytes }))
