import { signal } from '@preact/signals'
import type { VNode } from 'preact'

import { type ApiError, isSignedIn } from './api/client.ts'
import { place } from './api/place.ts'
import { resume } from './api/session.ts'
import type { PageName } from './logic/route.ts'
import { ClocksPage } from './pages/clocks/clocks-page.tsx'
import { EventsPage } from './pages/events/events-page.tsx'
import { RepairsPage } from './pages/events/repairs-page.tsx'
import { FragmentsPage } from './pages/fragments/fragments-page.tsx'
import { GroupsPage } from './pages/groups/groups-page.tsx'
import { JoinPage } from './pages/join/join-page.tsx'
import { LoginPage } from './pages/login-page.tsx'
import { MetricsPage } from './pages/metrics/metrics-page.tsx'
import { ObjectPage } from './pages/objects/object-page.tsx'
import { ObjectsPage } from './pages/objects/objects-page.tsx'
import { OverviewPage } from './pages/overview/overview-page.tsx'
import { PeerPage } from './pages/peers/peer-page.tsx'
import { PeersPage } from './pages/peers/peers-page.tsx'
import { Shell } from './shell.tsx'

const failure = signal<ApiError | undefined>(undefined)

void resume().then(error => (failure.value = error))

/** The console: whoever is signed in sees a page in the shell, everybody else the way in. */
export function App(): VNode {
  if (isSignedIn.value === undefined) return <p class="hidden-text">Signing in…</p>
  if (!isSignedIn.value) return <LoginPage failure={failure.value} />
  const { page, names } = place.value
  return <Shell>{pages[page](names)}</Shell>
}

const pages: Record<PageName, (names: readonly string[]) => VNode> = {
  overview: () => <OverviewPage />,
  peers: ([peer]) => (peer === undefined ? <PeersPage /> : <PeerPage key={peer} peer={peer} />),
  objects: ([bucket, prefix = '']) => <ObjectsPage bucket={bucket} prefix={prefix} />,
  object: ([bucket = '', key = '', version]) => (
    <ObjectPage key={`${bucket}/${key}`} bucket={bucket} objectKey={key} version={version} />
  ),
  fragments: ([bucket = '', key = '', version]) => (
    <FragmentsPage key={`${bucket}/${key}`} bucket={bucket} objectKey={key} version={version} />
  ),
  groups: () => <GroupsPage />,
  clocks: () => <ClocksPage />,
  events: () => <EventsPage />,
  repairs: () => <RepairsPage />,
  metrics: () => <MetricsPage />,
  join: () => <JoinPage />,
}
