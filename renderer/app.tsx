/**
 * The frame around the screens: navigation, what must be said everywhere, and where the focus goes. The rule: every
 * screen has a link, one `h1`, and the focus on its heading after navigation.
 */
import { type ReactElement, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { Snapshot } from '../main/contract/window-api.ts'
import { announcements } from './announcements.ts'
import { hrefOf, parseRoute, type Route, type Screen, useHash } from './navigation.ts'
import { AccountsScreen } from './screens/accounts.tsx'
import { ActivityScreen } from './screens/activity.tsx'
import { type LinkMemory, LinkMemoryContext } from './link-memory.ts'
import { ApprovalsScreen } from './screens/approvals.tsx'
import { AppsScreen } from './screens/apps.tsx'
import { LinkScreen } from './screens/link.tsx'
import { PromptScreen } from './screens/prompt.tsx'
import { SettingsScreen } from './screens/settings.tsx'
import { useShortcuts } from './shortcuts.ts'
import { type Notice, NotifyContext, useView } from './state.ts'
import { text } from './text.ts'
import { ConnectionBanner, Notices, PausedBanner, VaultBanners } from './ui/banners.tsx'
import { Icon, type IconName } from './ui/icons.tsx'

type Place = Exclude<Screen, 'link' | 'prompt'>

/** The approvals come last and only while something waits there, so that their coming and going moves nothing. */
const places: readonly { readonly screen: Place; readonly icon: IconName; readonly keys?: string }[] = [
  { screen: 'accounts', icon: 'people', keys: '1' },
  { screen: 'apps', icon: 'grid', keys: '2' },
  { screen: 'activity', icon: 'list', keys: '3' },
  { screen: 'settings', icon: 'gear', keys: '4' },
  { screen: 'approvals', icon: 'question' },
]

/** The entry of the navigation a screen belongs to. */
function placeOf(screen: Screen): Place {
  if (screen === 'link') return 'accounts'
  return screen === 'prompt' ? 'approvals' : screen
}

export function App(): ReactElement {
  const { connection, snapshot } = useView()
  const hash = useHash()
  const route = useMemo(() => parseRoute(hash), [hash])
  const [memory] = useState<LinkMemory>(() => new Map())
  const main = useRef<HTMLElement>(null)
  const [notices, setNotices] = useState<readonly Notice[]>([])
  const nextNotice = useRef(0)
  const notify = useCallback((notice: Omit<Notice, 'id'>) => {
    nextNotice.current++
    const id = nextNotice.current
    setNotices((before) => [...before.slice(-2), { ...notice, id }])
  }, [])
  useHeadingFocus(main, hash, snapshot !== undefined)
  const waiting = snapshot?.requests.length ?? 0
  const title = text.nav[placeOf(route.screen)]
  useShortcuts(snapshot?.surface === 'window' && route.screen !== 'prompt', route)
  useEffect(() => {
    document.title = `${waiting > 0 ? `(${String(waiting)}) ` : ''}${title} – ${text.product}`
  }, [waiting, title])

  if (route.screen === 'prompt')
    return (
      <main id="main">
        <ConnectionBanner connection={connection} />
        {snapshot && <PromptScreen key={route.id} snapshot={snapshot} id={route.id} live={connection === 'live'} />}
        <Announcer snapshot={snapshot} />
      </main>
    )
  return (
    <NotifyContext value={notify}>
      <LinkMemoryContext value={memory}>
        <a
          className="skip"
          href="#main"
          onClick={(event) => {
            event.preventDefault()
            headingOf(main.current)?.focus()
          }}
        >
          {text.skip}
        </a>
        <div className="frame">
          <header className="side">
            <div className="brand">
              <Icon name="key" />
              <span>{text.product}</span>
            </div>
            <Navigation current={placeOf(route.screen)} waiting={waiting} withKeys={snapshot?.surface === 'window'} />
          </header>
          <main id="main" ref={main}>
            <ConnectionBanner connection={connection} />
            <Notices
              notices={notices}
              onClose={(id) => {
                setNotices((before) => before.filter((notice) => notice.id !== id))
              }}
            />
            {snapshot ? (
              <>
                <VaultBanners vault={snapshot.vault} />
                {snapshot.paused && <PausedBanner />}
                <CurrentScreen route={route} snapshot={snapshot} live={connection === 'live'} />
              </>
            ) : (
              <>
                <h1 tabIndex={-1}>{text.product}</h1>
                <p className="quiet-text">{text.loading}</p>
              </>
            )}
          </main>
        </div>
        <Announcer snapshot={snapshot} />
      </LinkMemoryContext>
    </NotifyContext>
  )
}

function CurrentScreen({
  route,
  snapshot,
  live,
}: {
  readonly route: Exclude<Route, { readonly screen: 'prompt' }>
  readonly snapshot: Snapshot
  readonly live: boolean
}): ReactElement {
  switch (route.screen) {
    case 'accounts':
      return <AccountsScreen snapshot={snapshot} id={route.id} />
    case 'link':
      return <LinkScreen snapshot={snapshot} id={route.id} />
    case 'approvals':
      return <ApprovalsScreen snapshot={snapshot} live={live} />
    case 'apps':
      return <AppsScreen snapshot={snapshot} id={route.id} />
    case 'activity':
      return <ActivityScreen key={route.id} snapshot={snapshot} app={route.id} />
    case 'settings':
      return <SettingsScreen snapshot={snapshot} />
  }
}

interface NavigationProps {
  readonly current: Place
  readonly waiting: number
  /** Whether the keys of `shortcuts.ts` work here. */
  readonly withKeys: boolean
}

function Navigation({ current, waiting, withKeys }: NavigationProps): ReactElement {
  const shown = places.filter(({ screen }) => screen !== 'approvals' || waiting > 0 || current === 'approvals')
  return (
    <nav aria-label={text.nav.label}>
      <ul>
        {shown.map(({ screen, icon, keys }) => (
          <li key={screen} data-screen={screen}>
            <a
              href={hrefOf(screen)}
              aria-current={screen === current ? 'page' : undefined}
              aria-keyshortcuts={withKeys && keys !== undefined ? `Control+${keys} Meta+${keys}` : undefined}
            >
              <Icon name={icon} />
              <span>{text.nav[screen]}</span>
              {screen === 'approvals' && waiting > 0 && (
                <span className="count">
                  {waiting}
                  <span className="only-read"> {text.nav.waiting}</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}

/** Says what changed to whoever cannot see it. */
function Announcer({ snapshot }: { readonly snapshot: Snapshot | undefined }): ReactElement {
  const [said, setSaid] = useState<{ readonly of: Snapshot | undefined; readonly words: string }>({
    of: snapshot,
    words: '',
  })
  if (said.of !== snapshot) {
    const words = said.of && snapshot ? announcements(said.of, snapshot).join(' ') : ''
    setSaid({ of: snapshot, words: words === '' ? said.words : words })
  }
  return (
    <div className="only-read" aria-live="polite">
      {said.words}
    </div>
  )
}

/** A detail's heading stands after its list's, so the last one is what the navigation was about. */
function headingOf(main: HTMLElement | null): HTMLElement | undefined {
  return [...(main?.querySelectorAll<HTMLElement>('h1[tabindex], h2[data-heading]') ?? [])].at(-1)
}

function useHeadingFocus(main: { readonly current: HTMLElement | null }, hash: string, ready: boolean): void {
  const shown = useRef<string>(undefined)
  useEffect(() => {
    if (!ready) return
    const first = shown.current === undefined
    const moved = shown.current !== hash
    shown.current = hash
    if (first || !moved) return
    headingOf(main.current)?.focus()
    window.scrollTo(0, 0)
  }, [main, hash, ready])
}
