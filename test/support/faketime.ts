import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folders = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(name => `/usr/lib/${name}/faketime`)
const library = folders.map(folder => join(folder, 'libfaketimeMT.so.1')).find(existsSync)

/** Why no wall clock can be faked here; undefined if one can. */
export const whyNoFaketime = (): string | undefined =>
  library === undefined ? 'there is no libfaketime here' : undefined

/** A wall clock of its own for one process; the monotonic one stays as it is. */
export class FakeWallClock {
  readonly #path: string

  constructor(directory: string) {
    this.#path = join(directory, 'faketime')
    this.set(0)
  }

  /** What stands before the program. */
  get wrapper(): readonly string[] {
    return [
      'env',
      `LD_PRELOAD=${library}`,
      `FAKETIME_TIMESTAMP_FILE=${this.#path}`,
      'FAKETIME_NO_CACHE=1',
      'DONT_FAKE_MONOTONIC=1',
    ]
  }

  /** From now on the process sees a wall clock that is off by this. */
  set(offsetSeconds: number): void {
    writeFileSync(this.#path, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}\n`)
  }
}
