/** What the desktop shows by itself: the tray, the notifications, and which question stands on the screen. */
import { inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { defaultPreferences } from '../../../main/contract/model.ts'
import { notices } from '../../../main/desktop/notices.ts'
import { isKnownAddress } from '../../../main/desktop/person.ts'
import { trayIcon } from '../../../main/desktop/tray-icon.ts'
import { type TrayActions, type TrayEntry, trayMenu, trayStatus, trayTip } from '../../../main/desktop/tray-menu.ts'
import { account, request, snapshot } from './snapshot.ts'

function actions(): TrayActions & { readonly done: string[] } {
  const done: string[] = []
  return {
    done,
    open: (hash) => void done.push(`open ${hash ?? ''}`),
    lock: () => void done.push('lock'),
    unlock: () => void done.push('unlock'),
    setPaused: (paused) => void done.push(`paused ${String(paused)}`),
    quit: () => void done.push('quit'),
  }
}

const ids = (menu: readonly TrayEntry[]): readonly string[] => menu.map((entry) => ('id' in entry ? entry.id : '-'))

describe('the tray menu', () => {
  it('offers what is always there', () => {
    expect(ids(trayMenu(snapshot(), actions()))).toEqual(['open', '-', 'lock', 'pause', '-', 'quit'])
  })

  it('begins with what waits for the person', () => {
    const busy = snapshot({
      requests: [request('q1', 1), request('q2', 2)],
      accounts: [account('a', 'connected'), account('b', 'needs-sign-in')],
    })
    const did = actions()
    const menu = trayMenu(busy, did)
    expect(ids(menu).slice(0, 4)).toEqual(['request-q1', 'request-q2', 'account-b', '-'])
    for (const entry of menu) if ('click' in entry) entry.click?.()
    expect(did.done).toEqual([
      'open #/approvals',
      'open #/approvals',
      'open #/accounts/b',
      'open ',
      'lock',
      'paused true',
      'quit',
    ])
  })

  it('offers to unlock what is locked and to resume what is paused', () => {
    const did = actions()
    const menu = trayMenu(snapshot({ vault: { state: 'locked', protection: 'passphrase' }, paused: true }), did)
    expect(ids(menu)).toContain('unlock')
    expect(ids(menu)).not.toContain('lock')
    for (const entry of menu) if ('click' in entry && entry.id === 'pause') entry.click?.()
    expect(did.done).toEqual(['paused false'])
  })

  it('stays short, and shows names as they are', () => {
    const many = Array.from({ length: 100 }, (_, i) => request(`q${String(i)}`, i, `Tom & ${'x'.repeat(500)}`))
    const menu = trayMenu(snapshot({ requests: many }), actions())
    expect(menu.length).toBeLessThan(20)
    const [first] = menu
    expect(first && 'label' in first ? first.label : '').toMatch(/^Tom && x{33}… is asking…$/u)
  })

  it('decides nothing', () => {
    const menu = trayMenu(snapshot({ requests: [request('q', 1)] }), actions())
    expect(JSON.stringify(menu)).not.toMatch(/allow|approve|deny/iu)
  })

  it.each([
    ['normal', 'Valetkey', {}],
    ['attention', 'Valetkey: 1 question for you', { requests: [request('q', 1)] }],
    [
      'attention',
      'Valetkey: 2 accounts to sign in again',
      { accounts: [account('a', 'needs-sign-in'), account('b', 'needs-sign-in')] },
    ],
    ['paused', 'Valetkey: paused', { paused: true }],
    ['paused', 'Valetkey: locked', { vault: { state: 'locked', protection: null } }],
  ] as const)('%s: %s', (status, tip, more) => {
    expect([trayStatus(snapshot(more)), trayTip(snapshot(more))]).toEqual([status, tip])
  })
})

describe('the tray icon', () => {
  /** The inflated rows of a PNG with one IDAT chunk. */
  const rows = (png: Buffer): Buffer => inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)))

  it('is a PNG of its size, with ink and without', () => {
    const png = trayIcon('normal', 44)
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([44, 44])
    const alphas = [...rows(png)].filter(
      (_, index) => index % (1 + 44 * 4) !== 0 && ((index % (1 + 44 * 4)) - 1) % 4 === 3,
    )
    expect(alphas).toHaveLength(44 * 44)
    expect(Math.max(...alphas)).toBe(255)
    expect(Math.min(...alphas)).toBe(0)
  })

  it('differs in shape, not in colour alone, with what it says', () => {
    const shapes = (['normal', 'attention', 'paused'] as const).map((status) =>
      [...rows(trayIcon(status, 22))]
        .map((byte, index) => (index % (1 + 22 * 4) > 0 && ((index % (1 + 22 * 4)) - 1) % 4 === 3 ? byte : 0))
        .join(),
    )
    expect(new Set(shapes).size).toBe(3)
  })
})

describe('notifications', () => {
  const none: ReadonlySet<string> = new Set()
  const keys = (given: ReturnType<typeof notices>): readonly string[] => given.show.map(({ key }) => key)

  it('tell of a question only while nothing of ours can be seen', () => {
    const asked = snapshot({ requests: [request('q', 1)] })
    expect(keys(notices(asked, none, true))).toEqual(['request q'])
    expect(keys(notices(asked, none, false))).toEqual([])
  })

  it('tell once, and are taken back when it is over', () => {
    const asked = snapshot({ requests: [request('q', 1)] })
    const open = new Set(['request q'])
    expect(notices(asked, open, true)).toEqual({ show: [], close: [] })
    expect(notices(snapshot(), open, true)).toEqual({ show: [], close: ['request q'] })
  })

  it('tell of an account that needs its person, also while a window is there, until it is mended', () => {
    const needing = snapshot({ accounts: [account('a', 'needs-sign-in')] })
    const [notice] = notices(needing, none, false).show
    expect(notice).toMatchObject({ key: 'account a', hash: '#/accounts/a' })
    const open = new Set(['account a'])
    expect(notices(snapshot({ accounts: [account('a', 'locked')] }), open, true).close).toEqual([])
    expect(notices(snapshot({ accounts: [account('a', 'signing-in')] }), open, true).close).toEqual([])
    expect(notices(snapshot({ accounts: [account('a', 'connected')] }), open, true).close).toEqual(['account a'])
    expect(notices(snapshot(), open, true).close).toEqual(['account a'])
  })

  it('keep quiet when told to', () => {
    const quiet = snapshot({
      preferences: { ...defaultPreferences, notify: false },
      requests: [request('q', 1)],
      accounts: [account('a', 'needs-sign-in')],
    })
    expect(notices(quiet, none, true).show).toEqual([])
    expect(
      notices(snapshot({ accounts: [account('a', 'offline'), account('b', 'unsaved')] }), none, true).show,
    ).toEqual([])
  })
})

describe('an address a page asks to open', () => {
  const known = snapshot({
    sign_ins: [
      {
        id: 's',
        provider: 'p',
        provider_name: 'P',
        flow: 'browser',
        redirect: 'loopback',
        rungs: [],
        state: 'waiting',
        authorization_url: 'https://idp.example/authorize?state=1',
        expires_at: 1,
      },
    ],
    providers: [{ id: 'p', name: 'P', documentation: 'https://docs.example', variables: [], scopes: [] }],
  })

  it('is one the broker gave', () => {
    expect(isKnownAddress(known, 'https://idp.example/authorize?state=1')).toBe(true)
    expect(isKnownAddress(known, 'https://docs.example/')).toBe(true)
  })

  it.each([
    'https://idp.example/authorize?state=2',
    'https://evil.example/',
    'javascript:alert(1)',
    'file:///etc/passwd',
    '',
    'about:blank',
  ])('is not %s', (url) => {
    expect(isKnownAddress(known, url)).toBe(false)
    expect(isKnownAddress(undefined, url)).toBe(false)
  })
})
