import { useSignal } from '@preact/signals'
import type { ComponentChildren, VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

import type { OverviewView } from '../src/gateway/console/views/overview.ts'
import { liveState } from './api/live.ts'
import { place } from './api/place.ts'
import { useLive } from './api/resource.ts'
import { session, signOut } from './api/session.ts'
import { addressOf, type PageName } from './logic/route.ts'
import { Boundary } from './parts/boundary.tsx'
import { Icon, type IconName } from './parts/icon.tsx'
import { Name } from './parts/name.tsx'
import { Shortcuts } from './parts/shortcuts.tsx'
import { Glyph, State } from './parts/state.tsx'
import { nextTheme, theme } from './parts/theme.ts'
import { Toasts } from './parts/toast.tsx'
import { levelTones } from './parts/tones.ts'

interface NavEntry {
  readonly page: PageName
  readonly text: string
  readonly icon: IconName
  /** After `g`. */
  readonly key: string
  /** Pages that belong to it. */
  readonly holds?: readonly PageName[]
}

const entries: readonly NavEntry[] = [
  { page: 'overview', text: 'Overview', icon: 'overview', key: 'o' },
  { page: 'peers', text: 'Peers', icon: 'peers', key: 'p' },
  { page: 'objects', text: 'Objects', icon: 'objects', key: 'b', holds: ['object', 'fragments'] },
  { page: 'groups', text: 'Consensus', icon: 'groups', key: 'c' },
  { page: 'clocks', text: 'Clocks', icon: 'clocks', key: 't' },
  { page: 'events', text: 'Events', icon: 'events', key: 'e' },
  { page: 'repairs', text: 'Repairs', icon: 'repairs', key: 'r' },
  { page: 'metrics', text: 'Metrics', icon: 'metrics', key: 'm' },
  { page: 'join', text: 'Join', icon: 'join', key: 'j' },
]

/** What stands around every page: the state of everything, and the way to everywhere. */
export function Shell({ children }: { children: ComponentChildren }): VNode {
  const isOpen = useSignal(false)
  const main = useRef<HTMLElement>(null)
  const { page, names } = place.value
  const address = [page, ...names].join('/')
  useEffect(() => {
    isOpen.value = false
    main.current?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [address])
  return (
    <div class="shell">
      <a
        class="skip"
        href={location.hash}
        onClick={event => {
          event.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to content
      </a>
      <Bar isOpen={isOpen.value} toggle={() => (isOpen.value = !isOpen.value)} />
      <Navigation isOpen={isOpen.value} />
      <main class="main" ref={main} tabIndex={-1}>
        <Boundary key={address}>{children}</Boundary>
      </main>
      <Toasts />
      <Shortcuts entries={entries} />
    </div>
  )
}

function Bar({ isOpen, toggle }: { isOpen: boolean; toggle: () => void }): VNode {
  const { value, error } = useLive<OverviewView>('overview')
  const tone = value === undefined || error !== undefined ? 'idle' : levelTones[value.level]
  const lost = error?.status === 0 ? 'This peer does not answer.' : 'The state is not known yet.'
  return (
    <header class="bar">
      <button
        type="button"
        class="button menu-button"
        aria-expanded={isOpen}
        aria-controls="navigation"
        onClick={toggle}
      >
        <Icon name="menu" />
        <span class="hidden-text">Menu</span>
      </button>
      <a class="brand" href={addressOf('overview')}>
        <img src="/console/icon.svg" alt="" />
        <span>Holdfast</span>
      </a>
      <a class="sentence" href={addressOf('overview')} data-tone={tone} aria-live="polite">
        <Glyph tone={tone} />
        <span>{error?.status === 0 || value === undefined ? lost : value.sentence}</span>
      </a>
      <span class="where">
        <Name text={session.value?.name ?? ''} charsMax={40} />
        <LiveMark />
      </span>
    </header>
  )
}

function LiveMark(): VNode {
  if (liveState.value === 'live') return <State tone="good">live</State>
  if (liveState.value === 'connecting') return <State tone="idle">connecting</State>
  return <State tone="warn">not live</State>
}

function Navigation({ isOpen }: { isOpen: boolean }): VNode {
  const { page } = place.value
  return (
    <nav
      class="nav"
      id="navigation"
      aria-label="Pages"
      tabIndex={-1}
      data-open={isOpen ? '' : undefined}
    >
      <ul>
        {entries.map(({ page: own, text, icon, key, holds = [] }) => (
          <li key={own}>
            <a
              href={addressOf(own)}
              aria-current={own === page || holds.includes(page) ? 'page' : undefined}
            >
              <Icon name={icon} />
              {text}
              <kbd aria-hidden="true">g {key}</kbd>
            </a>
          </li>
        ))}
      </ul>
      <div class="foot">
        <span>Holdfast {session.value?.version}</span>
        <div class="line">
          <button type="button" class="button" onClick={nextTheme}>
            Theme: {theme}
          </button>
          <button type="button" class="button" onClick={() => void signOut()}>
            Sign out
          </button>
        </div>
      </div>
    </nav>
  )
}
