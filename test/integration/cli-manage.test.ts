/** The managing commands with the real daemon, for a person and under `--json`. */
import { chmodSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActivityEntry, Client } from '../../main/contract/model.ts'
import type { Finding } from '../../main/contract/window-api.ts'
import {
  collect,
  newHome,
  removeHome,
  runCli,
  type RunningDaemon,
  startCli,
  startDaemon,
  until,
} from '../setup/daemon.ts'
import { pairProgram } from '../setup/link.ts'

const passphrase = 'correct horse battery staple'
let daemon: RunningDaemon
beforeAll(async () => {
  daemon = await startDaemon({ args: ['--passphrase'], input: `${passphrase}\n` })
})
afterAll(async () => {
  await daemon.stop()
})

async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await daemon.cli([...args, '--json'])
  if (code !== 0) throw new Error(stderr)
  expect(stdout.split('\n')).toHaveLength(2)
  return JSON.parse(stdout) as T
}

describe('status', () => {
  it('says what runs and where it lives', async () => {
    const { code, stdout } = await daemon.cli(['status'])
    expect(code).toBe(0)
    expect(stdout).toContain(`pid ${String(daemon.pid)}`)
    expect(stdout).toMatch(new RegExp(`^home +${daemon.paths.home}$`, 'mu'))
    expect(await json('status')).toMatchObject({
      running: true,
      host: 'daemon',
      pid: daemon.pid,
      home: daemon.paths.home,
      socket: daemon.paths.socket,
      vault: { state: 'unlocked', protection: 'passphrase' },
      counts: { accounts: 0, clients: 1, consents: 0, requests: 0 },
    })
  })
})

describe('lock and unlock', () => {
  it('need the right passphrase, and take it from stdin only', async () => {
    expect(await json('lock')).toMatchObject({ state: 'locked' })
    expect(await json('status')).toMatchObject({ vault: { state: 'locked' } })
    const wrong = await daemon.cli(['unlock'], { input: 'wrong\n' })
    expect(wrong).toMatchObject({ code: 6, stdout: '' })
    const none = await daemon.cli(['unlock'])
    expect(none).toMatchObject({ code: 2, stdout: '' })
    expect((await daemon.cli(['unlock', passphrase])).code).toBe(2)
    const right = await daemon.cli(['unlock'], { input: `${passphrase}\n` })
    expect(right).toEqual({ code: 0, stdout: '', stderr: 'valetkey: unlocked\n' })
    expect((await daemon.cli(['unlock'])).code).toBe(0)
  })
})

describe('programs', () => {
  it('are paired with the code they show, listed and revoked', async () => {
    const token = await pairProgram(daemon, 'deploy', 'agent')
    expect(token).not.toBe('')
    const { clients } = await json<{ clients: Client[] }>('clients')
    const deploy = clients.find(({ name }) => name === 'deploy')
    expect(deploy).toMatchObject({ kind: 'agent' })
    expect((await daemon.cli(['clients'])).stdout).toContain(deploy?.id)
    const own = { env: { VALETKEY_CLIENT_TOKEN: token } }
    expect((await daemon.cli(['accounts'], own)).code).toBe(0)
    expect((await daemon.cli(['revoke', 'deploy'])).stderr).toContain('deploy is no longer paired')
    expect((await daemon.cli(['accounts'], own)).code).toBe(1)
    expect((await daemon.cli(['revoke', 'deploy'])).code).toBe(8)
  })

  it('print their token alone for a person', async () => {
    const pairing = startCli(daemon.paths.home, ['pair', 'by hand'])
    let said = ''
    pairing.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const result = collect(pairing)
    const id = await until(() => /^run: valetkey approve (\S+)$/mu.exec(said)?.[1])
    const shown = /^code: (\d{3}-\d{3})$/mu.exec(said)?.[1] ?? ''
    expect(await json('approve', id, '--code', shown)).toMatchObject({ id, kind: 'pair', state: 'approved' })
    const { code, stdout } = await result
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\S+\n$/u)
    expect(said).not.toContain(stdout.trim())
  })

  it('are not paired when the person says no', async () => {
    const pairing = startCli(daemon.paths.home, ['pair', 'stranger'])
    let said = ''
    pairing.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const result = collect(pairing)
    const id = await until(() => /^run: valetkey approve (\S+)$/mu.exec(said)?.[1])
    expect(await json('deny', id)).toMatchObject({ state: 'denied' })
    expect(await result).toMatchObject({ code: 6, stdout: '' })
  })

  it('are approved with a code or not at all', async () => {
    const { code, stderr } = await daemon.cli(['approve', 'r1'])
    expect(code).toBe(2)
    expect(stderr).toContain('--code')
    expect((await daemon.cli(['approve', 'r1', '--code', '123-456'])).code).toBe(8)
    expect((await daemon.cli(['approve', 'r1', '--code', '1', '--for', 'ever'])).code).toBe(2)
  })
})

describe('activity', () => {
  it('is listed oldest first, a part of it on demand', async () => {
    const { entries } = await json<{ entries: ActivityEntry[] }>('activity')
    expect(entries.length).toBeGreaterThan(2)
    const { stdout } = await daemon.cli(['activity'])
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^TIME +PROGRAM +ACCOUNT +WHAT/u)
    expect(lines).toHaveLength(entries.length + 1)
    expect(lines.slice(1)).toEqual(lines.slice(1).toSorted((a, b) => a.slice(0, 19).localeCompare(b.slice(0, 19))))
    expect((await json<{ entries: ActivityEntry[] }>('activity', '--limit', '1')).entries).toHaveLength(1)
    expect((await daemon.cli(['activity', '--limit', '0'])).code).toBe(2)
  })

  it('is followed, each row once', async () => {
    const following = startCli(daemon.paths.home, ['activity', '--follow', '--json', '--limit', '1'])
    let text = ''
    following.stdout?.setEncoding('utf8').on('data', (part: string) => (text += part))
    const result = collect(following)
    const rows = (): readonly ActivityEntry[] =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as ActivityEntry)
    await until(() => (rows().length === 1 ? true : undefined))
    await daemon.cli(['lock'])
    await daemon.cli(['unlock'], { input: `${passphrase}\n` })
    await until(() => (rows().length === 3 ? true : undefined))
    expect(
      rows()
        .slice(1)
        .map(({ action }) => action),
    ).toEqual(['lock', 'unlock'])
    following.kill('SIGTERM')
    await result
  })
})

describe('providers', () => {
  it('are listed and shown with what they want to be told', async () => {
    const { providers } = await json<{ providers: { id: string }[] }>('providers')
    expect(providers.map(({ id }) => id)).toContain('generic-oidc')
    expect((await daemon.cli(['providers', 'list'])).stdout).toContain('generic-oidc')
    expect(await json('providers', 'show', 'generic-oidc')).toMatchObject({ id: 'generic-oidc' })
    expect((await daemon.cli(['providers', 'show', 'generic-oidc'])).stdout).toContain('issuer')
    expect((await daemon.cli(['providers', 'show', 'nobody'])).code).toBe(8)
  })
})

describe('doctor', () => {
  it('finds nothing wrong with a healthy broker', async () => {
    const { code, stdout } = await daemon.cli(['doctor'])
    expect(stdout).toMatch(/^ok +broker: answers/mu)
    expect(code).toBe(0)
  })

  it('says what is wrong and how to mend it, worst first, and changes nothing', async () => {
    chmodSync(daemon.paths.cliToken, 0o644)
    try {
      const { code, stdout } = await daemon.cli(['doctor'])
      expect(code).toBe(1)
      expect(stdout.split('\n')[0]).toMatch(/^error /u)
      expect(stdout).toContain(`mend: chmod 600 ${daemon.paths.cliToken}`)
    } finally {
      chmodSync(daemon.paths.cliToken, 0o600)
    }
  })

  it('works when nothing runs, and recognises what a dead broker left behind', async () => {
    const home = newHome()
    const crashed = await startDaemon({ home })
    await crashed.kill()
    try {
      const { code, stdout } = await runCli(home, ['doctor', '--json'])
      expect(code).toBe(0)
      const { findings } = JSON.parse(stdout) as { findings: Finding[] }
      const warnings = findings.filter(({ level }) => level === 'warning')
      expect(warnings.map(({ subject }) => subject)).toEqual(
        expect.arrayContaining(['broker', 'announcement', 'socket']),
      )
      expect(warnings.every(({ mend }) => mend !== undefined)).toBe(true)
      expect((await runCli(home, ['status'])).code).toBe(3)
      chmodSync(crashed.paths.home, 0o755)
      expect((await runCli(home, ['doctor'])).stdout).toContain(`mend: chmod 700 ${home}`)
      writeFileSync(crashed.paths.endpointFile, '{')
      expect((await runCli(home, ['doctor'])).stdout).toContain('is damaged')
    } finally {
      removeHome(home)
    }
  })
})

describe('words that cannot be meant', () => {
  it('are refused with what there is', async () => {
    const { code, stdout, stderr } = await daemon.cli(['frobnicate'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    for (const name of [
      'daemon',
      'status',
      'doctor',
      'link',
      'accounts',
      'unlink',
      'token',
      'invalidate',
      'pair',
      'clients',
    ])
      expect(stderr).toContain(name)
    for (const name of ['consents', 'revoke', 'requests', 'approve', 'deny', 'activity', 'lock', 'unlock', 'providers'])
      expect(stderr).toContain(name)
  })

  it.each([
    [['accounts', '--bogus']],
    [['accounts', 'extra']],
    [['unlink']],
    [['pair', 'x', '--kind', 'robot']],
    [['providers', 'frobnicate']],
    [['constructor']],
    [[]],
  ])('%j', async (args) => {
    const { code, stdout } = await daemon.cli(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  it('are errors in JSON when JSON was asked for', async () => {
    const { stdout, stderr } = await daemon.cli(['unlink', '--json'])
    expect(stdout).toBe('')
    expect(JSON.parse(stderr)).toMatchObject({
      error: 'invalid_request',
      resolve: { command: 'valetkey unlink --help' },
    })
  })
})

describe('help', () => {
  it('is a result, and says how errors come', async () => {
    for (const args of [
      ['--help'],
      ['help'],
      ['token', '--help'],
      ['daemon', '-h'],
      ['help', 'link'],
      ['providers', 'show', '--help'],
    ]) {
      const { code, stdout, stderr } = await daemon.cli(args)
      expect([args, code, stderr]).toEqual([args, 0, ''])
      expect(stdout).toContain('Usage: valetkey')
    }
    expect((await daemon.cli(['--help'])).stdout).toContain('stdout stays empty')
    expect((await daemon.cli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/u)
  })
})
