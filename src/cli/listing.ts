import type { ListedObject, ListPage } from '../index.ts'
import type { PeerClient } from './peer-client.ts'
import { bucketPath, folderPrefix, queryOf, type Target } from './target.ts'
import type { Wire } from './wire.ts'

export type Listed = Wire<ListedObject>
export type Page = Wire<ListPage>

export interface Listing {
  readonly bucket: string
  readonly prefix: string
  readonly delimiter?: string | undefined
}

/** A bucket's list, page after page as it is consumed. */
export async function* pagesOf(
  client: PeerClient,
  { bucket, prefix, delimiter }: Listing,
): AsyncGenerator<Page> {
  let after: string | undefined
  do {
    const query = queryOf({ prefix, delimiter, after })
    const page: Page = await client.get<Page>(bucketPath(bucket, `/objects${query}`))
    yield page
    after = page.next
  } while (after !== undefined)
}

/** Everything in a folder, and in the folders in it. */
export async function* objectsBelow(
  client: PeerClient,
  { bucket, key }: Target,
): AsyncGenerator<Listed> {
  for await (const { objects } of pagesOf(client, { bucket, prefix: folderPrefix(key) }))
    yield* objects
}
