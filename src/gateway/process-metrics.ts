import { readdirSync, readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'

import { counter, gauge, histogram, type Metric, QUICK } from '../base/metric.ts'
import type { Metrics } from '../base/metrics.ts'
import { programVersion } from '../node/version.ts'

const LOOK_EVERY_MS = 100

const cpu = counter('holdfast_process_cpu_seconds_total', 'Processor time of this process', {
  mode: ['user', 'system'],
})
const memory = gauge('holdfast_process_resident_memory_bytes', 'Memory of this process')
const heap = gauge('holdfast_process_heap_bytes', 'Heap of the main thread that is in use')
const heapLimit = gauge('holdfast_process_heap_limit_bytes', 'Most that this heap may become')
const external = gauge('holdfast_process_external_memory_bytes', 'Buffers outside of the heap')
const startTime = gauge('holdfast_process_start_time_seconds', 'When it began, since 1970')
const openFiles = gauge('holdfast_process_open_fds', 'File descriptors in use, sockets included')
const filesMax = gauge('holdfast_process_max_fds', 'File descriptors that it may have')
const loopLag = histogram(
  'holdfast_event_loop_lag_seconds',
  'How late the event loop was, ten looks a second',
  QUICK,
)
const info = gauge('holdfast_build_info', '1, with what this peer runs on', {
  version: 1,
  node: 1,
})

/** Of the process, whoever else lives in it. */
export const processMetrics: readonly Metric[] = [
  cpu,
  memory,
  heap,
  heapLimit,
  external,
  startTime,
  openFiles,
  filesMax,
  loopLag,
  info,
]

/** Has metrics tell of the process; returns what ends that. */
export function readProcess(metrics: Metrics): () => void {
  metrics.read(cpu, () => {
    const { user, system } = process.cpuUsage()
    return [
      [{ mode: 'user' }, user / 1e6],
      [{ mode: 'system' }, system / 1e6],
    ]
  })
  metrics.read(memory, () => process.memoryUsage.rss())
  metrics.read(heap, () => process.memoryUsage().heapUsed)
  metrics.read(heapLimit, () => getHeapStatistics().heap_size_limit)
  metrics.read(external, () => process.memoryUsage().external)
  metrics.read(startTime, () => performance.timeOrigin / 1_000)
  metrics.read(openFiles, openDescriptors)
  metrics.read(filesMax, descriptorLimit)
  const about = { version: programVersion(), node: process.versions.node }
  metrics.read(info, () => [[about, 1]])
  return watchLag(seconds => metrics.observe(loopLag, {}, seconds))
}

function watchLag(told: (seconds: number) => void): () => void {
  let dueMs = performance.now() + LOOK_EVERY_MS
  const timer = setInterval(() => {
    const nowMs = performance.now()
    told(Math.max(0, nowMs - dueMs) / 1_000)
    dueMs = nowMs + LOOK_EVERY_MS
  }, LOOK_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Known where there is /proc. */
function openDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}

/** The soft limit; undefined where it cannot be known, or there is none. */
export function descriptorLimit(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? []
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}
