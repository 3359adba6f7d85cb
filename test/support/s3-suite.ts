import { after, before, suite } from 'node:test'

import { type S3Scene, withS3 } from './s3-scene.ts'

export interface S3Town {
  /** There while tests run. */
  readonly scene: S3Scene
  /** A new bucket, with these headers. */
  readonly bucket: (headers?: Record<string, string>) => Promise<string>
}

let count = 0

/** Tests of one gateway over one store; each makes buckets of its own. */
export function s3Suite(name: string, fill: (town: S3Town) => void): void {
  suite(name, () => {
    let scene: S3Scene | undefined
    let leave = (): void => undefined
    let ended: Promise<void> | undefined
    before(
      () =>
        new Promise<void>((ready, fail) => {
          ended = withS3(async entered => {
            scene = entered
            ready()
            await new Promise<void>(left => (leave = left))
          })
          ended.catch(fail)
        }),
    )
    after(async () => {
      leave()
      await ended
    })
    const town: S3Town = {
      get scene() {
        if (scene === undefined) throw new Error('the suite has not begun')
        return scene
      },
      async bucket(headers = {}) {
        const bucket = `bucket-${++count}`
        const { status, text } = await town.scene.s3.ask('PUT', `/${bucket}`, { headers })
        if (status !== 200) throw new Error(text)
        return bucket
      },
    }
    fill(town)
  })
}
