/**
 * Where peers stand on a map around the one that looks: each zone has a sector as wide as it has
 * peers, and within it they stand on arcs, the near ones nearer. The distance is logarithmic: a
 * round trip of 0.1 ms and one of 100 ms are both seen.
 */
export interface Mapped {
  readonly peer: string
  readonly isSelf: boolean
  readonly zone: string
  readonly rttMs?: number
  readonly sharedBits?: number
}

export interface Spot<Row> {
  readonly row: Row
  readonly x: number
  readonly y: number
}

export interface Sector {
  readonly zone: string
  /** Its middle, and half of what it spans, in radians. */
  readonly angle: number
  readonly spanHalf: number
}

const NEAR = 130
const FAR = 410
const BITS_MAX = 16

export function spread<Row extends Mapped>(
  rows: readonly Row[],
  by: 'kademlia' | 'latency',
): { readonly spots: readonly Spot<Row>[]; readonly sectors: readonly Sector[] } {
  const others = rows.filter(({ isSelf }) => !isSelf)
  const zones = [...new Set(others.map(({ zone }) => zone))].toSorted()
  const spots: Spot<Row>[] = rows.filter(({ isSelf }) => isSelf).map(row => ({ row, x: 0, y: 0 }))
  const sectors: Sector[] = []
  let from = -Math.PI / 2
  for (const zone of zones) {
    const members = others
      .filter(row => row.zone === zone)
      .toSorted((one, other) => (one.peer < other.peer ? -1 : 1))
    const span = (2 * Math.PI * members.length) / others.length
    for (const [at, row] of members.entries()) {
      const angle = from + (span * (at + 0.5)) / members.length
      const radius = NEAR + (FAR - NEAR) * distance(row, by)
      spots.push({ row, x: Math.cos(angle) * radius, y: Math.sin(angle) * radius })
    }
    sectors.push({ zone, angle: from + span / 2, spanHalf: span / 2 })
    from += span
  }
  return { spots, sectors }
}

/** 0 is near, 1 far; what is not known is far. */
function distance({ rttMs, sharedBits }: Mapped, by: 'kademlia' | 'latency'): number {
  if (by === 'kademlia')
    return sharedBits === undefined ? 1 : 1 - Math.min(sharedBits, BITS_MAX) / BITS_MAX
  if (rttMs === undefined) return 1
  // From 0.1 ms to 1 s.
  return Math.min(1, Math.max(0, (Math.log10(Math.max(rttMs, 0.1)) + 1) / 4))
}
