import { crc32 } from 'node:zlib'

import type { DirectoryEntry } from '../../src/base/environment.ts'
import type { Prng } from '../../src/base/prng.ts'
import { parentOf } from '../../src/storage/disk.ts'
import type { SystemCalls } from '../../src/storage/system-calls.ts'
import { SimNames } from './sim-directory.ts'
import { SIM_SECTOR_BYTES, SimFile } from './sim-file.ts'
import type { World } from './world.ts'

export interface SimDriveOptions {
  /** @default unlimited */
  readonly capacityBytes?: number
  /** Mean durations, exponentially distributed. */
  readonly callMs?: number
  readonly syncMs?: number
}

/** Probabilities per call; change them at any time. */
export interface DriveFaults {
  /** A write stops half way without an error. */
  shortWrite: number
  /** A write fails after part of it was done. */
  writeError: number
  readError: number
  /** Any other call fails: no handles left, or the medium refuses. */
  callError: number
  /** A sync fails, and the pages are clean all the same. */
  syncError: number
  /** A sync returns and did nothing. */
  syncLie: number
  /** A sync takes a hundred times as long. */
  syncSlow: number
  /** A write lands on other sectors of the file. */
  misdirect: number
}

const noFaults: DriveFaults = {
  shortWrite: 0,
  writeError: 0,
  readError: 0,
  callError: 0,
  syncError: 0,
  syncLie: 0,
  syncSlow: 0,
  misdirect: 0,
}

/** A drive and the kernel's cache in front of it, with all their vices. */
export class SimDrive {
  capacityBytes: number
  readonly faults: DriveFaults = { ...noFaults }
  /** Files that the medium refused to give at some time, by path. */
  readonly struck: Set<string> = new Set()
  readonly #world: World
  readonly #owner: string
  readonly #random: Prng
  readonly #callMs: number
  readonly #syncMs: number
  #names = new SimNames()
  /** Counts power cuts: what was under way then never happens. */
  #epoch = 0
  #lastHandle = 0
  /** Counts processes. */
  #process = 0
  readonly #handles = new Map<number, { path: string; file: SimFile; mode: string }>()

  constructor(world: World, owner: string, options: SimDriveOptions) {
    const { capacityBytes = Number.POSITIVE_INFINITY, callMs = 0.02, syncMs = 0.5 } = options
    this.capacityBytes = capacityBytes
    this.#world = world
    this.#owner = owner
    this.#random = world.random.fork(`drive ${owner}`)
    this.#callMs = callMs
    this.#syncMs = syncMs
  }

  /** A process ended: the kernel closes its files. */
  closeAll(): void {
    this.#process++
    this.#handles.clear()
  }

  /** Files that are open. */
  get openFiles(): number {
    return this.#handles.size
  }

  get usedBytes(): number {
    return this.#names.files().reduce((sum, [, file]) => sum + file.sizeBytes, 0)
  }

  /** Paths and durable sizes of all files, and where each was written last. */
  files(): { path: string; sizeBytes: number; newest: SimFile['newest'] }[] {
    return this.#names.files().map(([path, file]) => ({
      path,
      sizeBytes: file.durableBytes,
      newest: file.newest,
    }))
  }

  /** Everything not synced is lost, torn, or kept, as chance has it. */
  cutPower(): void {
    this.#epoch++
    for (const file of this.#names.everyFile()) file.cutPower(this.#random)
    this.#names.cutPower(this.#random)
  }

  /** A new, empty drive in its place. */
  replace(): void {
    this.#epoch++
    this.#names = new SimNames()
  }

  byteAt(path: string, position: number): number {
    const file = this.#names.get(path)
    if (!(file instanceof SimFile)) throw new Error(`no file ${path} to look at`)
    return file.byteAt(position)
  }

  flipBit(path: string, position: number, bit: number): void {
    const file = this.#names.get(path)
    if (!(file instanceof SimFile)) throw new Error(`no file ${path} to damage`)
    this.#world.note(this.#owner, `flip ${path} ${position}.${bit}`)
    file.rot(position, byte => byte ^ (1 << bit))
  }

  /** A bit flips, or `sizeBytes` turn into noise. */
  rot(path: string, position: number, sizeBytes: number | 'bit'): void {
    const file = this.#names.get(path)
    if (!(file instanceof SimFile)) throw new Error(`no file ${path} to damage`)
    this.#world.note(this.#owner, `rot ${path} ${position} ${sizeBytes}`)
    const bit = this.#random.below(8)
    if (sizeBytes === 'bit') file.rot(position, byte => byte ^ (1 << bit))
    else file.rot(position, () => this.#random.below(256), sizeBytes)
  }

  /** The calls of one run of the process; `deliver` brings the results. */
  calls(deliver: (callback: () => void) => void): SystemCalls {
    const handles = this.#handles
    const process = this.#process
    const call = <Result>(name: string, work: () => Result, meanMs = this.#callMs) =>
      this.#call(deliver, name, work, meanMs)
    const at = (handle: number): SimFile => {
      const open = handles.get(handle)
      if (open === undefined) throw systemError('EBADF', `handle ${handle}`)
      return open.file
    }
    return {
      open: (path, mode) =>
        call(`open ${path} ${mode}`, () => {
          this.#mayRefuse(path)
          const file = this.#open(path, mode)
          // What is opened for a process that is gone is closed at once.
          if (process === this.#process) handles.set(++this.#lastHandle, { path, file, mode })
          return this.#lastHandle
        }),
      read: (handle, into, position) =>
        call(`read ${position}+${into.length}`, () => {
          const file = at(handle)
          if (this.#random.chance(this.faults.readError)) {
            this.struck.add(handles.get(handle)?.path ?? '')
            throw systemError('EIO', 'read')
          }
          return file.read(into, position)
        }),
      write: (handle, bytes, position) =>
        call(`write ${position}+${bytes.length} ${crc32(bytes)}`, () => {
          if (handles.get(handle)?.mode === 'read') throw systemError('EBADF', 'opened to read')
          return this.#write(at(handle), bytes, position)
        }),
      datasync: handle => call('datasync', () => this.#sync(at(handle)), this.#syncDuration()),
      truncate: (handle, sizeBytes) =>
        call(`truncate ${sizeBytes}`, () => at(handle).truncate(sizeBytes)),
      sizeBytes: handle =>
        call('size', () => {
          this.#mayRefuse(handles.get(handle)?.path)
          return at(handle).sizeBytes
        }),
      close: handle =>
        call('close', () => {
          at(handle)
          handles.delete(handle)
        }),
      rename: (from, to) =>
        call(`rename ${from} ${to}`, () => {
          this.#mayRefuse()
          this.#find(from)
          this.#findDirectory(parentOf(to))
          this.#names.rename(from, to)
        }),
      remove: path =>
        call(`remove ${path}`, () => {
          this.#mayRefuse()
          this.#find(path)
          this.#names.remove(path)
        }),
      makeDirectory: path =>
        call(`mkdir ${path}`, () => {
          this.#findDirectory(parentOf(path))
          if (this.#names.get(path) !== undefined) throw systemError('EEXIST', path)
          this.#names.put(path, 'directory')
        }),
      list: directory => call(`list ${directory}`, () => this.#list(directory)),
      syncDirectory: directory =>
        call(`sync ${directory}`, () => this.#syncDirectory(directory), this.#syncDuration()),
      freeBytes: () => call('free', () => this.capacityBytes - this.usedBytes),
    }
  }

  /** Carries `work` out after a while, like a kernel: also for a process that is gone by then. */
  #call<Result>(
    deliver: (callback: () => void) => void,
    name: string,
    work: () => Result,
    meanMs: number,
  ): Promise<Result> {
    const epoch = this.#epoch
    return new Promise((resolve, reject) => {
      this.#world.schedule(this.#random.exponential(meanMs), () => {
        if (this.#epoch !== epoch) return
        this.#world.note(this.#owner, name)
        try {
          const result = work()
          deliver(() => resolve(result))
        } catch (error) {
          deliver(() => reject(error))
        }
      })
    })
  }

  #open(path: string, mode: 'read' | 'write' | 'create'): SimFile {
    if (mode !== 'create') return this.#find(path)
    this.#findDirectory(parentOf(path))
    if (this.#names.get(path) !== undefined) throw systemError('EEXIST', path)
    const file = new SimFile()
    this.#names.put(path, file)
    return file
  }

  #find(path: string): SimFile {
    const node = this.#names.get(path)
    if (!(node instanceof SimFile)) throw systemError('ENOENT', path)
    return node
  }

  #findDirectory(path: string): void {
    if (this.#names.get(path) !== 'directory') throw systemError('ENOENT', path)
  }

  #mayRefuse(path?: string): void {
    if (!this.#random.chance(this.faults.callError)) return
    const code = this.#random.pick(['EMFILE', 'EIO'])
    if (code === 'EIO' && path !== undefined) this.struck.add(path)
    throw systemError(code, 'call')
  }

  #list(directory: string): DirectoryEntry[] {
    this.#mayRefuse()
    this.#findDirectory(directory)
    return this.#random.shuffle(this.#names.list(directory)).map(([name, node]) => ({
      name,
      kind: node === 'directory' ? 'directory' : 'file',
    }))
  }

  #write(file: SimFile, bytes: Uint8Array, position: number): number {
    const { capacityBytes } = this
    const room = Number.isFinite(capacityBytes) ? capacityBytes - this.usedBytes : capacityBytes
    const growth = Math.max(0, position + bytes.length - file.sizeBytes)
    const fitting = growth <= room ? bytes.length : bytes.length - (growth - room)
    if (fitting <= 0) throw systemError('ENOSPC', 'write')
    const part = bytes.subarray(0, this.#shortened(fitting))
    if (this.#random.chance(this.faults.writeError)) {
      file.write(position, part.subarray(0, this.#random.below(part.length + 1)))
      throw systemError('EIO', 'write')
    }
    file.write(this.#aim(file, position, part.length), part)
    return part.length
  }

  #shortened(sizeBytes: number): number {
    return this.#random.chance(this.faults.shortWrite)
      ? 1 + this.#random.below(sizeBytes)
      : sizeBytes
  }

  #aim(file: SimFile, position: number, sizeBytes: number): number {
    if (!this.#random.chance(this.faults.misdirect)) return position
    const sectors = Math.floor((file.sizeBytes - sizeBytes) / SIM_SECTOR_BYTES)
    return sectors <= 0 ? position : this.#random.below(sectors) * SIM_SECTOR_BYTES
  }

  #sync(file: SimFile): void {
    if (this.#random.chance(this.faults.syncError)) {
      file.syncBadly(this.#random)
      throw systemError('EIO', 'datasync')
    }
    if (!this.#random.chance(this.faults.syncLie)) file.sync()
  }

  #syncDirectory(directory: string): void {
    this.#findDirectory(directory)
    if (this.#random.chance(this.faults.syncError)) throw systemError('EIO', 'sync directory')
    if (!this.#random.chance(this.faults.syncLie)) this.#names.sync(directory)
  }

  #syncDuration(): number {
    return this.#syncMs * (this.#random.chance(this.faults.syncSlow) ? 100 : 1)
  }
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
