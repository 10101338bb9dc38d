/** A support agent's day: accounts in a profile, its end set and taken back, and one command that ends all of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../main/contract/model.ts'
import type { ShiftReport } from '../../main/contract/window-api.ts'
import { startIdentityProvider, visit, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, type RunningDaemon, startCli, startDaemon, until } from '../setup/daemon.ts'

let daemon: RunningDaemon
let provider: IdentityProvider
beforeAll(async () => {
  ;[daemon, provider] = await Promise.all([
    startDaemon({ args: ['--passphrase'], input: 'correct horse\n' }),
    startIdentityProvider(),
  ])
})
afterAll(async () => {
  await Promise.all([daemon.stop(), provider.stop()])
})

async function link(label: string, ...more: readonly string[]): Promise<void> {
  const args = ['link', 'generic-oidc', '--param', `issuer=${provider.issuer}`, '--client-id', provider.client_id]
  const noBrowser = { BROWSER: 'false', PATH: '/nonexistent' }
  const linking = startCli(daemon.paths.home, [...args, '--label', label, ...more], noBrowser)
  let said = ''
  linking.stderr?.setEncoding('utf8').on('data', (part: string) => (said += part))
  const result = collect(linking)
  const url = await until(() => /^open: (http\S+)$/mu.exec(said)?.[1])
  await fetch(await visit(url, { login: label }))
  expect((await result).code).toBe(0)
}

interface Profiles {
  readonly profiles: readonly { profile: string; ends_at: number | null; accounts: readonly Account[] }[]
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await daemon.cli([...args, '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}

describe('a profile', () => {
  it('is filled while linking or afterwards, and listed', async () => {
    expect((await daemon.cli(['profile'])).stderr).toContain('no profiles yet')
    await link('ada', '--profile', 'desk')
    await link('grace')
    await link('mallory')
    expect((await daemon.cli(['profile', 'add', 'desk', 'grace'])).stderr).toContain('grace is in the profile desk')
    const { profiles } = await json<Profiles>('profile')
    expect(profiles).toMatchObject([{ profile: 'desk', ends_at: null }])
    expect(profiles[0]?.accounts.map(({ label }) => label).toSorted()).toEqual(['ada', 'grace'])
  })

  it('ends by itself when told so, in words', async () => {
    const said = await daemon.cli(['profile', 'until', 'desk', '8h'])
    expect(said).toMatchObject({ code: 0, stdout: '' })
    expect(said.stderr).toMatch(/2 accounts of desk are unlinked at \d{4}-/u)
    const { profiles } = await json<Profiles>('profile')
    expect((profiles[0]?.ends_at ?? 0) - Date.now() / 1000).toBeGreaterThan(7 * 3600)
    expect((await daemon.cli(['profile', 'until', 'desk', 'never'])).code).toBe(0)
    expect((await json<Profiles>('profile')).profiles[0]?.ends_at).toBeNull()
    const wrong = await daemon.cli(['profile', 'until', 'desk', 'soon'])
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('say 18:00, 8h, 90m')
    expect((await daemon.cli(['profile', 'until', 'nobody', '8h'])).code).toBe(8)
  })

  it('ended: revoked at the provider, gone here, locked; the rest is as it was', async () => {
    const tokens = (await provider.issued()).filter((token) => token.length > 0)
    expect(tokens.length).toBeGreaterThan(2)
    const ended = await daemon.cli(['profile', 'end', 'desk'])
    expect(ended.code).toBe(0)
    expect(ended.stderr).toMatch(/ada \(.*\): its tokens were revoked at the provider/u)
    expect(ended.stderr).toMatch(/grace \(.*\): its tokens were revoked at the provider/u)
    expect(ended.stderr).toContain('the vault is locked')
    expect((await daemon.cli(['token', 'mallory'])).code).toBe(4)
    await daemon.cli(['unlock'], { input: 'correct horse\n' })
    const { accounts } = await json<{ accounts: readonly Account[] }>('accounts', '--all')
    expect(accounts.map(({ label }) => label)).toEqual(['mallory'])
    expect((await daemon.cli(['token', 'mallory'])).code).toBe(0)
    expect((await daemon.cli(['profile', 'end', 'desk'])).code).toBe(8)
  })

  it('says what could not be revoked, and its exit status says that there was something', async () => {
    expect((await daemon.cli(['profile', 'add', 'late', 'mallory'])).code).toBe(0)
    await provider.stop()
    const { code, stdout } = await daemon.cli(['profile', 'end', 'late', '--keep-unlocked', '--json'])
    expect(code).toBe(7)
    expect(JSON.parse(stdout) as ShiftReport).toMatchObject({
      locked: false,
      accounts: [{ label: 'mallory', remote: 'failed' }],
    })
    expect((await json<{ accounts: readonly Account[] }>('accounts', '--all')).accounts).toEqual([])
  })
})

describe('the activity of that day', () => {
  it('verifies, passes through its own head, and is exported with names and without formulas', async () => {
    const { stdout, stderr, code } = await daemon.cli(['activity', 'verify'])
    expect([code, stderr]).toEqual([0, expect.stringMatching(/\d+ rows since .*, each as it was written/u)])
    const head = stdout.trim()
    await daemon.cli(['lock'])
    await daemon.cli(['unlock'], { input: 'correct horse\n' })
    expect((await daemon.cli(['activity', 'verify', '--head', head])).code).toBe(0)
    expect((await daemon.cli(['activity', 'verify', '--head', 'ab'.repeat(32)])).code).toBe(1)
    expect((await daemon.cli(['activity', 'verify', '--head', 'xyz'])).code).toBe(2)
    const lines = (await daemon.cli(['activity', 'export'])).stdout.trimEnd().split('\n')
    const rows = lines.map((line) => JSON.parse(line) as { id: number; action: string; detail?: string })
    expect(rows.map(({ id }) => id)).toEqual(rows.map((_row, at) => at + 1))
    expect(
      rows
        .filter(({ action }) => action === 'unlink')
        .map(({ detail = '' }) => detail)
        .toSorted(),
    ).toEqual(['ada', 'grace', 'mallory'])
    const csv = (await daemon.cli(['activity', 'export', '--csv'])).stdout.trimEnd().split('\n')
    expect(csv).toHaveLength(lines.length + 1)
    expect(csv[0]).toMatch(/^id,time,client,/u)
  })

  it('is kept as long as the person says', async () => {
    expect((await daemon.cli(['activity', 'retain', '90'])).stderr).toContain('after 90 days')
    expect((await daemon.cli(['activity', 'retain', '0'])).code).toBe(2)
    expect((await daemon.cli(['activity', 'retain', 'long'])).code).toBe(2)
  })
})
