import { Tasks } from '../../base/tasks.ts'
import { Auditor, type AuditorOptions } from './auditor.ts'
import { Census, type CensusOptions } from './census.ts'
import { GroupSweeper, type GroupSweeperOptions } from './group-sweeper.ts'
import { LifecycleKeeper, type LifecycleKeeperOptions } from './lifecycle-keeper.ts'
import { Rebalancer, type RebalancerOptions } from './rebalancer.ts'
import { RepairDriver, type RepairDriverOptions } from './repair-driver.ts'
import { SchemeKeeper, type SchemeKeeperOptions } from './scheme-keeper.ts'
import { SeatChecker, type SeatCheckerOptions } from './seat-checker.ts'
import type { UpkeepSettings } from './upkeep-settings.ts'

/** What all parts of a group's upkeep are made with. */
export type GroupParts = Omit<RepairDriverOptions, 'graceMs'> &
  Omit<AuditorOptions, 'everyMs'> &
  Omit<GroupSweeperOptions, 'everyMs' | 'graceMs'> &
  Omit<LifecycleKeeperOptions, 'everyMs'> &
  Omit<SchemeKeeperOptions, 'everyMs' | 'againMs' | 'isBusy'> &
  Omit<SeatCheckerOptions, 'everyMs'> &
  Omit<RebalancerOptions, 'everyMs' | 'driver' | 'garbage'> & {
    /** Peers as they are, whatever audits found of them. */
    readonly allViews: CensusOptions['views']
  }

/** All that is done for one group by the peer that leads it. */
export class GroupUpkeep {
  readonly group: number
  readonly driver: RepairDriver
  readonly sweeper: GroupSweeper
  readonly checker: SeatChecker
  readonly rebalancer: Rebalancer
  readonly census: Census
  readonly #keeper: SchemeKeeper
  readonly #lifecycle: LifecycleKeeper
  readonly #auditor: Auditor
  readonly #tasks: Tasks

  constructor(parts: GroupParts, settings: UpkeepSettings) {
    const { graceMs, auditEveryMs, sweepEveryMs, garbageGraceMs, compareEveryMs } = settings
    const { rebalanceEveryMs, schemeEveryMs, schemeAgainMs, lifecycleEveryMs } = settings
    this.group = parts.group
    this.driver = new RepairDriver({ ...parts, graceMs })
    this.census = new Census({ ...parts, views: parts.allViews })
    this.#auditor = new Auditor({ ...parts, everyMs: auditEveryMs })
    this.sweeper = new GroupSweeper({ ...parts, everyMs: sweepEveryMs, graceMs: garbageGraceMs })
    this.#lifecycle = new LifecycleKeeper({ ...parts, everyMs: lifecycleEveryMs })
    this.checker = new SeatChecker({ ...parts, everyMs: compareEveryMs })
    this.#keeper = new SchemeKeeper({
      ...parts,
      everyMs: schemeEveryMs,
      againMs: schemeAgainMs,
      isBusy: () => this.driver.status.repairs > 0,
    })
    const garbage = (): number => this.sweeper.garbage
    const rebalancing = { ...parts, driver: this.driver, garbage, everyMs: rebalanceEveryMs }
    this.rebalancer = new Rebalancer(rebalancing)
    this.#tasks = new Tasks({ onFailure: ({ error }) => parts.onFailure(error) })
  }

  start(): void {
    this.driver.start()
    this.#tasks.start('audit', signal => this.#auditor.run(signal))
    this.#tasks.start('count', signal => this.census.run(signal))
    this.#tasks.start('sweep', signal => this.sweeper.run(signal))
    this.#tasks.start('lifecycle', signal => this.#lifecycle.run(signal))
    this.#tasks.start('schemes', signal => this.#keeper.run(signal))
    this.#tasks.start('check seats', signal => this.checker.run(signal))
    this.#tasks.start('rebalance', signal => this.rebalancer.run(signal))
  }

  /** Something was committed with less than it is to have. */
  debtsChanged(): void {
    this.driver.debtsChanged()
    this.census.changed()
    this.#keeper.lookSoon()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#tasks.stop(), this.driver.stop()])
  }
}
