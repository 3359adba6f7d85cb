import type { Flow } from './network-host.ts'

/** Counts payload, both ways. */
export class FlowMeter implements Flow {
  sentBytes = 0
  receivedBytes = 0

  snapshot(): Flow {
    return { sentBytes: this.sentBytes, receivedBytes: this.receivedBytes }
  }
}
