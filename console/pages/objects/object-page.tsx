import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { ObjectView } from '../../../src/gateway/console/views/objects.ts'
import { pathOf, queryText, request } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { bytes, count, moment } from '../../logic/format.ts'
import { addressOf } from '../../logic/route.ts'
import { Confirm } from '../../parts/dialog.tsx'
import { Name } from '../../parts/name.tsx'
import { Fact, Facts, Grid, Page, Panel } from '../../parts/panel.tsx'
import { Shown } from '../../parts/shown.tsx'
import { Commands } from './commands.tsx'
import { Crumbs } from './objects-page.tsx'
import { Preview } from './preview.tsx'
import { Share } from './share.tsx'
import { Versions } from './versions.tsx'

export interface ObjectPageProps {
  readonly bucket: string
  readonly objectKey: string
  readonly version: string | undefined
}

/** One object: what it is, what is in it, where to get it. */
export function ObjectPage({ bucket, objectKey, version }: ObjectPageProps): VNode {
  const path = pathOf('stat', bucket, objectKey) + queryText({ version })
  const object = useResource<ObjectView>(path, 15_000)
  const isDeleting = useSignal(false)
  const isSharing = useSignal(false)
  const name = objectKey.slice(objectKey.lastIndexOf('/') + 1) || objectKey
  const prefix = objectKey.slice(0, objectKey.length - name.length)
  const source = pathOf('objects', bucket, objectKey) + queryText({ version })
  const names = [bucket, objectKey, ...(version === undefined ? [] : [version])]
  return (
    <Page
      title={name.slice(0, 100)}
      heading={
        <>
          <Crumbs bucket={bucket} prefix={prefix} /> › <Name text={name} />
        </>
      }
      actions={
        <div class="line">
          <a class="button" data-kind="main" href={addressOf('fragments', ...names)}>
            Fragments
          </a>
          <a class="button" href={source} download={name}>
            Download
          </a>
          <button type="button" class="button" onClick={() => (isSharing.value = true)}>
            Share…
          </button>
          <button
            type="button"
            class="button"
            data-kind="danger"
            onClick={() => (isDeleting.value = true)}
          >
            Delete…
          </button>
        </div>
      }
    >
      <Shown of={object} lines={8}>
        {view => (
          <Grid least={380} isLoose>
            <Preview view={view} source={source} />
            <div class="stack">
              <Properties view={view} />
              <Versions bucket={bucket} objectKey={objectKey} shown={view.version} />
              <Commands bucket={bucket} objectKey={objectKey} />
            </div>
          </Grid>
        )}
      </Shown>
      {isSharing.value && (
        <Share
          bucket={bucket}
          objectKey={objectKey}
          version={version}
          onClose={() => (isSharing.value = false)}
        />
      )}
      {isDeleting.value && (
        <Confirm
          title={version === undefined ? 'Delete this object' : 'Delete this version for good'}
          verb="Delete"
          isDangerous
          act={async () => {
            await request('DELETE', pathOf('objects', bucket, objectKey), { query: { version } })
            location.hash = addressOf('objects', bucket, prefix)
          }}
          onClose={() => (isDeleting.value = false)}
        >
          <p>
            <Name text={`${bucket}/${objectKey}`} />
          </p>
          <p>In a bucket that keeps versions the old ones stay; elsewhere this is for good.</p>
        </Confirm>
      )}
    </Page>
  )
}

function Properties({ view }: { view: ObjectView }): VNode {
  const pairs = [
    ...Object.entries(view.headers),
    ...Object.entries(view.tags).map(([name, value]) => [`tag ${name}`, value] as const),
    ...Object.entries(view.checksums),
  ]
  return (
    <Panel title="Properties">
      <Facts>
        <Fact name="Size">
          {bytes(view.sizeBytes)}
          <div class="soft">{count(view.sizeBytes)} bytes</div>
        </Fact>
        <Fact name="Modified">{moment(new Date(view.modified))}</Fact>
        <Fact name="Parts">{view.parts === 0 ? 'stored whole' : count(view.parts)}</Fact>
        <Fact name="Readable">
          {view.needsKey ? 'with its own key only' : 'under the network’s key'}
        </Fact>
        {view.retention !== undefined && (
          <Fact name={`Locked (${view.retention.mode})`}>
            until {moment(new Date(view.retention.until))}
          </Fact>
        )}
        {view.hasLegalHold && <Fact name="Legal hold">on</Fact>}
        <Fact name="ETag">
          <code class="wrap">{view.etag}</code>
        </Fact>
        <Fact name="Version">
          <code class="wrap">{view.version}</code>
        </Fact>
        {pairs.map(([name, value]) => (
          <Fact key={name} name={name.slice(0, 80)}>
            <bdi class="wrap">{value.slice(0, 400)}</bdi>
          </Fact>
        ))}
      </Facts>
    </Panel>
  )
}
