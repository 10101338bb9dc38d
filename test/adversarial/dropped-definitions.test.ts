/**
 * Definitions that another program of this person's puts into the folder. The rule under test: nobody signs in by one that
 * the person has not been shown and added, and nothing but the vault's own key vouches for one.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ActivityEntry, ProviderDescription, ProviderSummary } from '../../main/contract/model.ts'
import type { Finding } from '../../main/contract/window-api.ts'
import { newHome, removeHome, startDaemon, type RunningDaemon } from '../setup/daemon.ts'

let daemon: RunningDaemon
beforeEach(async () => {
  daemon = await startDaemon({ home: newHome() })
})
afterEach(async () => {
  await daemon.stop()
  removeHome(daemon.paths.home)
})

const definition = (id: string, host = 'acme.example'): string => `schema_version: 1
id: ${id}
display_name: ${id}
discovery: { type: none }
server: { authorization_endpoint: 'https://login.${host}/go', token_endpoint: 'https://login.${host}/token' }
client: { token_endpoint_auth_method: none }
redirect: { methods: [loopback] }
resource:
  base_urls: ['https://api.${host}/']
  authorization: { in: header, name: Authorization, template: 'Bearer \${access_token}' }
`
const kept = (id: string): string => join(daemon.paths.providers, `${id}.yaml`)
const marks = (): string => `${daemon.paths.providers}.json`

async function add(id: string, host?: string): Promise<void> {
  const file = join(daemon.paths.home, 'new.yaml')
  writeFileSync(file, definition(id, host))
  const { code, stderr } = await daemon.cli(['providers', 'add', file, '--yes'])
  if (code !== 0) throw new Error(stderr)
}
async function json<T>(...args: readonly string[]): Promise<T> {
  const { stdout, stderr, code } = await daemon.cli([...args, '--json'])
  if (stdout === '') throw new Error(`${String(code)}: ${stderr}`)
  return JSON.parse(stdout) as T
}
/** Starts a sign-in as far as its address; the exit status and what was said when it is refused. */
const link = (id: string) => daemon.cli(['link', id, '--client-id', 'x', '--no-browser', '--redirect', 'paste'])
const listed = async (id: string): Promise<ProviderSummary | undefined> =>
  (await json<{ providers: readonly ProviderSummary[] }>('providers', 'list')).providers.find((one) => one.id === id)
const restart = async (): Promise<void> => {
  await daemon.stop()
  daemon = await startDaemon({ home: daemon.paths.home })
}

async function expectUnused(id: string): Promise<void> {
  const refused = await link(id)
  expect(refused).toMatchObject({ code: 6, stdout: '' })
  expect(refused.stderr).toContain('was not added by you, or was changed since')
  expect(refused.stderr).toContain(`run: valetkey providers add ${kept(id)}`)
}
async function expectUsable(id: string): Promise<void> {
  // The paste that ends it is missing; that it asked for one says that the sign-in had begun.
  const begun = await link(id)
  expect(begun.stdout).toMatch(/^https:\/\/login\./u)
}

describe('D1: a definition that another program dropped', () => {
  it('D1: is not used, is told by list, show and doctor, and is confirmed by adding that very file', async () => {
    await add('mine')
    writeFileSync(kept('acme'), definition('acme', 'evil.example'))
    await expectUnused('acme')
    await expectUsable('mine')
    await restart()
    await expectUnused('acme')
    expect(await listed('acme')).toMatchObject({ unconfirmed: true, built_in: false })
    expect(await listed('mine')).not.toHaveProperty('unconfirmed')
    expect((await daemon.cli(['providers', 'list'])).stdout).toMatch(/^acme +acme +unconfirmed/mu)
    const shown = await json<ProviderDescription>('providers', 'show', 'acme')
    expect(shown).toMatchObject({ unconfirmed: true })
    expect(shown.warnings[0]).toContain('was not added by you')
    const { findings } = await json<{ findings: readonly Finding[] }>('doctor')
    expect(findings.filter(({ subject }) => subject === 'providers')).toEqual([
      expect.objectContaining({
        level: 'warning',
        message: expect.stringContaining('acme.yaml was not added by you') as string,
        mend: `valetkey providers add ${kept('acme')}, or: valetkey providers remove acme`,
      }),
    ])
    // Without a terminal nobody has seen it: adding is refused, and shows where things would go.
    const unseen = await daemon.cli(['providers', 'add', kept('acme')])
    expect(unseen).toMatchObject({ code: 2 })
    expect(unseen.stderr).toContain('https://login.evil.example/token')
    await expectUnused('acme')
    expect(await daemon.cli(['providers', 'add', kept('acme'), '--yes'])).toMatchObject({ code: 0 })
    await expectUsable('acme')
    await restart()
    await expectUsable('acme')
    expect(await listed('acme')).not.toHaveProperty('unconfirmed')
  })

  it('D1: is no better for having been the person’s before it was changed, or removed', async () => {
    await add('acme')
    await restart()
    writeFileSync(kept('acme'), definition('acme', 'evil.example'))
    await expectUnused('acme')
    writeFileSync(kept('acme'), definition('acme'))
    await expectUsable('acme')
    expect(await daemon.cli(['providers', 'remove', 'acme'])).toMatchObject({ code: 0 })
    writeFileSync(kept('acme'), definition('acme'))
    await expectUnused('acme')
    await restart()
    await expectUnused('acme')
  })

  it('D1: is vouched for by no mark of another definition, another vault or nobody', async () => {
    await add('mine')
    const mark = (JSON.parse(readFileSync(marks(), 'utf8')) as Record<string, string>)['mine'] ?? ''
    expect(mark).toMatch(/^[\w-]{43}$/u)
    const other = await startDaemon({ home: newHome() })
    const file = join(other.paths.home, 'new.yaml')
    writeFileSync(file, definition('acme', 'evil.example'))
    await other.cli(['providers', 'add', file, '--yes'])
    const theirs = JSON.parse(readFileSync(`${other.paths.providers}.json`, 'utf8')) as Record<string, string>
    await other.stop()
    removeHome(other.paths.home)
    writeFileSync(kept('acme'), definition('acme', 'evil.example'))
    for (const forged of [mark, theirs['acme'], '', null, true, { acme: mark }]) {
      writeFileSync(marks(), JSON.stringify({ mine: mark, acme: forged }))
      await restart()
      await expectUnused('acme')
      await expectUsable('mine')
    }
    for (const text of ['', '[]', 'null', '{', `{"__proto__":{"acme":"${mark}"}}`]) {
      writeFileSync(marks(), text)
      await restart()
      await expectUnused('acme')
      await expectUnused('mine')
    }
    rmSync(marks())
    await restart()
    await expectUnused('mine')
  })

  it('leaves a row of what was added and removed', async () => {
    await add('acme')
    await daemon.cli(['providers', 'remove', 'acme'])
    await daemon.cli(['providers', 'remove', 'acme'])
    const { entries } = await json<{ entries: readonly ActivityEntry[] }>('activity')
    expect(
      entries.filter(({ action }) => action === 'provider').map(({ outcome, detail }) => [outcome, detail]),
    ).toEqual(
      expect.arrayContaining([
        ['added', 'acme'],
        ['removed', 'acme'],
      ]),
    )
    expect(entries.filter(({ action }) => action === 'provider')).toHaveLength(2)
  })
})
