import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Gateway, startGateway } from '../../src/gateway/gateway.ts'
import type { AccessKey } from '../../src/gateway/keys/access-key.ts'
import { KeyRing } from '../../src/gateway/keys/key-ring.ts'
import { ALL_RIGHTS } from '../../src/gateway/keys/rights.ts'
import type { ServedNode } from '../../src/gateway/route.ts'
import { createLog } from '../../src/node/log.ts'
import type { Store } from '../../src/node/store/store.ts'
import { memoryKv } from './memory-kv.ts'
import { type RealStore, withRealStore } from './real-store.ts'
import { S3Client } from './s3-client.ts'

export interface S3Scene extends RealStore {
  readonly gateway: Gateway
  /** Where its token lies. */
  readonly directory: string
  readonly keys: KeyRing
  readonly key: AccessKey
  /** Signs with a key that may do everything. */
  readonly s3: S3Client
  /** What the gateway had to say that nobody else is told. */
  readonly logged: string[]
}

/** S3 over HTTP over a real store, for as long as `body` takes. */
export function withS3(body: (scene: S3Scene) => Promise<void>): Promise<void> {
  return withRealStore(async real => {
    const keys = new KeyRing({
      kv: memoryKv(),
      wrapping: () => new Uint8Array(32).fill(1),
      nowMs: Date.now,
    })
    const key = await keys.create({ rights: ALL_RIGHTS })
    const logged: string[] = []
    const log = createLog(
      'debug',
      line => logged.push(JSON.stringify(line)),
      () => Date.now(),
    )
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-s3-'))
    const gateway = await startGateway({
      node: nodeOver(real.store),
      dataDirectory: directory,
      port: 0,
      mayMove: false,
      log,
      s3: { keys },
    })
    const s3 = new S3Client(gateway.url, key)
    try {
      await body({ ...real, gateway, directory, keys, key, s3, logged })
    } finally {
      await gateway.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  })
}

/** What a gateway needs of a peer, where only its store counts. */
function nodeOver(store: Store): ServedNode {
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(store) as object)
  const own = Object.getOwnPropertyNames(store)
  const bound = [...methods, ...own].flatMap(name => {
    const value = (store as unknown as Record<string, unknown>)[name]
    return typeof value === 'function' ? [[name, value.bind(store) as unknown] as const] : []
  })
  return { ...Object.fromEntries(bound), onEvent: () => () => undefined } as unknown as ServedNode
}
