import type { Prng } from '../../src/base/prng.ts'
import { parentOf } from '../../src/storage/disk.ts'
import type { SimFile } from './sim-file.ts'

export type SimNode = SimFile | 'directory'

interface Change {
  readonly directory: string
  readonly apply: (names: Map<string, SimNode>) => void
}

/**
 * The names on a drive, as the kernel has them and as the medium has them. Changes of a directory
 * become durable in the order in which they were made, when it is synced or by chance; a sync of a
 * file does not make its name durable, which is stricter than most file systems.
 */
export class SimNames {
  #current = new Map<string, SimNode>([['.', 'directory']])
  #durable = new Map<string, SimNode>([['.', 'directory']])
  #unsynced: Change[] = []

  get(path: string): SimNode | undefined {
    return this.#current.get(path)
  }

  /** Every file there is, by path. */
  files(): [string, SimFile][] {
    const found: [string, SimFile][] = []
    for (const [path, node] of this.#current) if (node !== 'directory') found.push([path, node])
    return found
  }

  /** The files that have a name, or had one that a power cut may bring back. */
  everyFile(): Set<SimFile> {
    const nodes = [...this.#current.values(), ...this.#durable.values()]
    return new Set(nodes.filter(node => node !== 'directory'))
  }

  list(directory: string): [string, SimNode][] {
    return [...this.#current]
      .filter(([path]) => path !== '.' && parentOf(path) === directory)
      .map(([path, node]) => [path.slice(path.lastIndexOf('/') + 1), node])
  }

  put(path: string, node: SimNode): void {
    this.#change(parentOf(path), names => names.set(path, node))
  }

  remove(path: string): void {
    this.#change(parentOf(path), names => names.delete(path))
  }

  rename(from: string, to: string): void {
    this.#change(parentOf(to), names => {
      const node = names.get(from)
      if (node === undefined) return
      names.delete(from)
      names.set(to, node)
    })
  }

  sync(directory: string): void {
    for (const change of this.#unsynced) {
      if (change.directory === directory) change.apply(this.#durable)
    }
    this.#unsynced = this.#unsynced.filter(change => change.directory !== directory)
  }

  cutPower(random: Prng): void {
    const directories = new Set(this.#unsynced.map(({ directory }) => directory))
    for (const directory of directories) {
      const changes = this.#unsynced.filter(change => change.directory === directory)
      for (const change of changes.slice(0, random.below(changes.length + 1))) {
        change.apply(this.#durable)
      }
    }
    this.#unsynced = []
    this.#current = new Map([...this.#durable].filter(([path]) => isReachable(path, this.#durable)))
    this.#durable = new Map(this.#current)
  }

  #change(directory: string, apply: Change['apply']): void {
    apply(this.#current)
    this.#unsynced.push({ directory, apply })
  }
}

/** A name whose directory did not survive is gone with it. */
function isReachable(path: string, names: ReadonlyMap<string, SimNode>): boolean {
  if (path === '.') return true
  const parent = parentOf(path)
  return names.get(parent) === 'directory' && isReachable(parent, names)
}
