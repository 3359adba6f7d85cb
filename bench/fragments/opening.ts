/**
 * How long it takes to open a store, and how much memory. Run by itself, `node
 * bench/fragments/opening.ts DIRECTORY`, since the most memory a process ever had can only be
 * measured once.
 */
import { openStore } from './open-store.ts'

const beforeBytes = process.memoryUsage.rss()
const start = performance.now()
const { store, close } = await openStore(process.argv[2] ?? '.')
const openMs = performance.now() - start
const { fragments } = store.usage
const peakBytes = process.resourceUsage().maxRSS * 1024
await close()
console.log(JSON.stringify({ fragments, openMs, beforeBytes, peakBytes }))
