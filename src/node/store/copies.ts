/**
 * Copies by reference. Within one group it is one command. A content of another group is retained
 * there first, under a name drawn for this copy, and then referred to; should that fail, the
 * reference is given up again.
 */
import type { Environment } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import type { NewBody } from '../../catalog/commands.ts'
import type { FoundObject } from '../../catalog/query-objects.ts'
import { CONTENT_ID_BYTES } from '../../catalog/tables.ts'
import type { Applied, Catalog } from '../catalog/catalog.ts'
import { conditionsOf, headerPairs, needsKey, pairsOf, storedRetention } from './descriptions.ts'
import type { ObjectReads } from './object-reads.ts'
import type { CopyOptions, ObjectPlace, Written } from './store.ts'

/** How long a reference may take from being made to being used. */
const SHARE_MS = 600_000

export interface CopiesDrivers {
  readonly environment: Pick<Environment, 'clock'>
  readonly catalog: Catalog
  readonly reads: ObjectReads
  readonly secrets: (size: number) => Uint8Array
}

export class Copies {
  readonly #drivers: CopiesDrivers

  constructor(drivers: CopiesDrivers) {
    this.#drivers = drivers
  }

  async copy(from: ObjectPlace, to: ObjectPlace, options: CopyOptions): Promise<Written> {
    const { catalog, reads, secrets } = this.#drivers
    const { version, signal, source = {} } = options
    const found = await reads.find(from, { version, signal })
    const command = {
      type: 'copyObject',
      bucket: to.bucket,
      key: to.key,
      source: { bucket: from.bucket, key: from.key, version },
      sourceConditions: conditionsOf(source),
      conditions: conditionsOf(options),
      holder: secrets(CONTENT_ID_BYTES),
      ...this.#changes(found, options),
    } as const
    let applied: Applied
    try {
      applied = await catalog.propose(command, { signal })
    } catch (error) {
      if (codeOf(error) !== 'OUT_OF_RANGE') throw error
      applied = await this.#copyAcross(from, to, options)
    }
    if (applied.type !== 'version') throw new TypeError(`a version, not ${applied.type}`)
    const { version: id = 'null', ms, etag } = applied
    const written = await catalog.ask('object', { ...placeOnly(to), version: id }, { signal })
    return { version: id, etag, sizeBytes: written.version.sizeBytes, modified: new Date(ms) }
  }

  /** Undefined leaves it as the source has it; that a key is needed stays true of the bytes. */
  #changes({ version }: FoundObject, options: CopyOptions) {
    const { headers, tags, retention, hasLegalHold = false } = options
    return {
      headers: headers && headerPairs(headers, needsKey(version)),
      tags: tags && pairsOf(tags),
      retention: storedRetention(retention),
      hasLegalHold,
    }
  }

  async #copyAcross(from: ObjectPlace, to: ObjectPlace, options: CopyOptions): Promise<Applied> {
    const { catalog, reads, secrets } = this.#drivers
    const { version, signal, source = {} } = options
    const found = await reads.find(from, { version, signal, ...source })
    const changes = this.#changes(found, options)
    const description = {
      ...found.version,
      ...changes,
      headers: changes.headers ?? found.version.headers,
      tags: changes.tags ?? found.version.tags,
    }
    const put = (body: NewBody): Promise<Applied> => {
      const conditions = conditionsOf(options)
      const command = {
        type: 'putObject',
        ...placeOnly(to),
        conditions,
        description,
        body,
      } as const
      return catalog.propose(command, { signal })
    }
    const name = reads.contentOf(from, found)
    if (name === undefined) return put({ type: 'inline', bytes: found.bytes ?? new Uint8Array(0) })
    const holder = secrets(CONTENT_ID_BYTES)
    const holderPlace = placeOnly(to)
    await catalog.propose({ type: 'retainContent', ...name, holder, holderPlace }, { signal })
    const untilMs = Math.floor(this.#drivers.environment.clock.wallMs()) + SHARE_MS
    try {
      return await put({
        type: 'shared',
        content: name,
        holder,
        parts: found.version.parts,
        untilMs,
      })
    } catch (error) {
      const isRefused = codeOf(error) !== undefined && codeOf(error) !== 'OUTCOME_UNKNOWN'
      if (isRefused) await catalog.propose({ type: 'dropReference', ...name, holder })
      throw error
    }
  }
}

const placeOnly = ({ bucket, key }: ObjectPlace): ObjectPlace => ({ bucket, key })
