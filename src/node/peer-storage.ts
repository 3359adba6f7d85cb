import type { Environment } from '../base/environment.ts'
import type { Admitted } from './admission/open-admission.ts'
import { type Fragments, openFragments, openFragmentStorage } from './fragments/open-fragments.ts'
import { OriginSeal } from './fragments/origin-seal.ts'
import { tellSpace } from './fragments/tell-space.ts'
import type { Home, Machine } from './machine.ts'
import type { MembershipService } from './membership/membership-service.ts'
import type { PeerAgreement } from './peer-agreement.ts'
import { openStore } from './store/open-store.ts'
import { SeatService } from './store/seat-service.ts'
import type { Store } from './store/store.ts'
import { UpkeepService } from './upkeep/upkeep-service.ts'
import type { UpkeepSettings } from './upkeep/upkeep-settings.ts'

export interface PeerStorageOptions {
  readonly environment: Environment
  readonly machine: Pick<Machine, 'openCoder' | 'secrets'>
  readonly home: Home
  readonly admitted: Admitted
  readonly membership: MembershipService
  readonly agreement: PeerAgreement
  readonly capacityBytes: number | undefined
  readonly upkeep: Partial<UpkeepSettings>
  readonly onFailure: (error: unknown) => void
}

/** What a running peer stores for others, and what it offers them all to store in. */
export interface PeerStorage {
  readonly fragments: Fragments
  readonly seats: SeatService
  /** Undefined on a storage member, which cannot read what it holds. */
  readonly store: Store | undefined
  readonly upkeep: UpkeepService
}

/** Where the repair ledger lies in a data directory. */
const LEDGER_DIRECTORY = 'ledger'

/**
 * Starts them in order; each is put on `started` with how it is stopped.
 * @throws {HoldfastError} `FOREIGN_STORE`, `CORRUPT`, `DISK_*`
 */
export async function startStorage(
  options: PeerStorageOptions,
  started: (name: string, stop: () => Promise<void>) => void,
): Promise<PeerStorage> {
  const { environment, machine, home, admitted, membership, agreement, onFailure } = options
  const { network, timers } = environment
  const { book, credentials } = admitted
  const { networkId } = book.table.trust
  const { networkKey } = credentials
  const { catalog, kv } = agreement
  const { secrets } = machine

  const coder = await machine.openCoder()
  started('coder', () => coder.close())
  // Findings come only once somebody reads.
  const late: { upkeep?: UpkeepService } = {}
  const fragments = await openFragments({
    environment,
    storage: await openFragmentStorage(home),
    coder,
    networkId,
    capacityBytes: options.capacityBytes,
    onFinding: finding => late.upkeep?.onFinding(finding),
  })
  started('fragments', () => fragments.close())
  const { peers } = fragments
  const usage = (): Fragments['store']['usage'] => fragments.store.usage
  const quiet = tellSpace(usage, { membership, timers })
  started('space', async () => quiet())
  const seats = new SeatService({
    self: network.self,
    environment,
    kv,
    book,
    membership,
    leads: () => agreement.leads(),
    usage,
    onFailure,
  })
  started('seats', () => seats.close())
  const upkeep = await UpkeepService.start({
    environment: { ...environment, disk: await home.openDirectory(LEDGER_DIRECTORY) },
    catalog,
    seats,
    kv,
    leaderOf: group => agreement.leaderOf(group),
    peers,
    store: fragments.store,
    coder,
    seal: networkKey === undefined ? undefined : new OriginSeal(networkKey),
    networkId,
    secrets,
    settings: options.upkeep,
    onFailure,
  })
  late.upkeep = upkeep
  started('upkeep', () => upkeep.close())
  const parts = { fragments, seats, upkeep }
  if (networkKey === undefined) return { ...parts, store: undefined }
  const about = { environment, catalog, peers, seats, coder, networkKey, networkId, secrets }
  const opened = openStore({
    ...about,
    onFault: fault => upkeep.onReadFault(fault),
    onLatency: ms => upkeep.foreground.observe('read', ms),
    onLost: ({ seat }) => upkeep.reportLost(seat),
    standing: (name, signal) => upkeep.standing(name, signal),
    onDebt: () => upkeep.reportDebt(),
  })
  started('store', () => opened.close())
  return { ...parts, store: opened.store }
}
