import type { VNode } from 'preact'

import { addressOf } from '../../logic/route.ts'
import { Name } from '../../parts/name.tsx'
import { Page } from '../../parts/panel.tsx'
import { Browser } from './browser.tsx'
import { BucketList } from './bucket-list.tsx'
import { UploadPanel } from './upload-panel.tsx'

/** What is stored: buckets, folders, objects. */
export function ObjectsPage({
  bucket,
  prefix,
}: {
  bucket: string | undefined
  prefix: string
}): VNode {
  if (bucket === undefined)
    return (
      <Page title="Objects" hint="Buckets of this network">
        <UploadPanel />
        <BucketList />
      </Page>
    )
  return (
    <Page title={bucket} heading={<Crumbs bucket={bucket} prefix={prefix} />}>
      <UploadPanel />
      <Browser key={`${bucket}/${prefix}`} bucket={bucket} prefix={prefix} />
    </Page>
  )
}

/** The way to where somebody is; every step leads back. */
export function Crumbs({ bucket, prefix }: { bucket: string; prefix: string }): VNode {
  const folders = prefix.split('/').slice(0, -1)
  return (
    <span class="crumbs">
      <a href={addressOf('objects')}>Objects</a>
      <span>›</span>
      <a class="held" href={addressOf('objects', bucket)}>
        <Name text={bucket} />
      </a>
      {folders.map((folder, depth) => (
        <>
          <span>›</span>
          <a
            key={depth}
            class="held"
            href={addressOf('objects', bucket, `${folders.slice(0, depth + 1).join('/')}/`)}
          >
            <Name text={folder === '' ? '(empty)' : folder} charsMax={60} />
          </a>
        </>
      ))}
    </span>
  )
}
