import type { Measured } from '../harness.ts'

/** CPU time of this thread; of the process where Node is older than 23.9. */
const cpuMs = (): number => {
  const hasThreads = 'threadCpuUsage' in process
  const { user, system } = hasThreads ? process.threadCpuUsage() : process.cpuUsage()
  return (user + system) / 1000
}

/** Like `during`, by CPU time: what other programs take does not count. */
export function duringCpu(sliceMs: number, work: () => number): Measured {
  const start = cpuMs()
  let amount = 0
  let elapsedMs = 0
  do {
    amount += work()
    elapsedMs = cpuMs() - start
  } while (elapsedMs < sliceMs)
  return { amount, elapsedMs }
}
