import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * What a driver must know of the event loop it runs on. A timer that has expired runs before the
 * packets that are already there, so a verdict ("no answer came") waits until they were read; and a
 * peer whose loop stands still must not blame others for it.
 */
export interface TurnSource {
  /** Calls back once, after what has arrived by now was delivered. */
  afterPoll(callback: () => void): void
  /** Tells whenever the loop stood still for over `LAG_TOLD_MS`; returns what ends that. */
  watchLag(listener: (lagMs: number) => void): () => void
}

/** Shorter lags are the everyday life of an event loop. */
const LAG_TOLD_MS = 100
const LOOK_EVERY_MS = 100
const HISTOGRAM_RESOLUTION_MS = 10
const NS_PER_MS = 1e6

/** Node's event loop: the histogram sees every stall between two looks, the gap a frozen process. */
export const nodeTurns: TurnSource = {
  afterPoll: callback => {
    setImmediate(callback)
  },
  watchLag: listener => {
    const histogram = monitorEventLoopDelay({ resolution: HISTOGRAM_RESOLUTION_MS })
    histogram.enable()
    let lastMs = performance.now()
    const interval = setInterval(() => {
      const nowMs = performance.now()
      const stallMs = histogram.count > 0 ? histogram.max / NS_PER_MS - HISTOGRAM_RESOLUTION_MS : 0
      const lagMs = Math.max(stallMs, nowMs - lastMs - LOOK_EVERY_MS)
      lastMs = nowMs
      histogram.reset()
      if (lagMs > LAG_TOLD_MS) listener(lagMs)
    }, LOOK_EVERY_MS)
    interval.unref()
    return () => {
      clearInterval(interval)
      histogram.disable()
    }
  },
}
