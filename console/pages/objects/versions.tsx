import type { VNode } from 'preact'

import type { VersionPage } from '../../../src/gateway/console/views/objects.ts'
import { queryText } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { bytes, counted, moment } from '../../logic/format.ts'
import { encoded, addressOf } from '../../logic/route.ts'
import { Panel } from '../../parts/panel.tsx'
import { Shown } from '../../parts/shown.tsx'

const LIMIT = 100

export interface VersionsProps {
  readonly bucket: string
  readonly objectKey: string
  /** The one that the page is about. */
  readonly shown: string
}

/** What the object was before. */
export function Versions({ bucket, objectKey, shown }: VersionsProps): VNode {
  const path = `/api/v1/buckets/${encoded(bucket)}/versions`
  const query = { prefix: objectKey, limit: LIMIT }
  const page = useResource<VersionPage>(path + queryText(query), 15_000)
  const own = (page.value?.versions ?? []).filter(({ key }) => key === objectKey)
  return (
    <Panel
      title="Versions"
      aside={<span class="soft">{counted(own.length, 'version')}</span>}
      isFlush
    >
      <Shown of={page} lines={2}>
        {() => (
          <table class="simple">
            <tbody>
              {own.map(({ version, modified, sizeBytes, isLatest, isMarker }) => (
                <tr key={version}>
                  <td class="number">
                    {version === shown ? (
                      <strong>{moment(new Date(modified))}</strong>
                    ) : isMarker ? (
                      moment(new Date(modified))
                    ) : (
                      <a href={addressOf('object', bucket, objectKey, version)}>
                        {moment(new Date(modified))}
                      </a>
                    )}
                  </td>
                  <td>
                    {isLatest && <span class="tag">latest</span>}
                    {isMarker && <span class="tag">deleted here</span>}
                    {version === shown && <span class="tag">shown</span>}
                  </td>
                  <td data-align="end">{isMarker ? '–' : bytes(sizeBytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Shown>
    </Panel>
  )
}
