/** `valetkey token` with the real daemon: what is on stdout, what is on stderr, and which exit status each outcome has. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TokenAnswer } from '../../main/contract/client-api.ts'
import type { ErrorBody } from '../../main/contract/errors.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import {
  collect,
  removeHome,
  newHome,
  runCli,
  type RunningDaemon,
  startCli,
  startDaemon,
  until,
} from '../setup/daemon.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'

let daemon: RunningDaemon
let provider: IdentityProvider
/** The environment of a paired program; one that was refused has to wait before it may ask again, so each test has its own. */
let nightly: Record<string, string>
let backup: Record<string, string>
let robot: Record<string, string>
beforeAll(async () => {
  ;[daemon, provider] = await Promise.all([
    startDaemon({ args: ['--insecure-key-file', '--http'] }),
    startIdentityProvider(),
  ])
  await linkAccount(daemon, provider, { login: 'ada' })
  await linkAccount(daemon, provider, { login: 'grace' })
  nightly = { VALETKEY_CLIENT_TOKEN: await pairProgram(daemon, 'nightly') }
  backup = { VALETKEY_CLIENT_TOKEN: await pairProgram(daemon, 'backup') }
  robot = { VALETKEY_CLIENT_TOKEN: await pairProgram(daemon, 'robot', 'agent') }
})
afterAll(async () => {
  await Promise.all([daemon.stop(), provider.stop()])
})

const bodyOf = (stderr: string): ErrorBody => JSON.parse(stderr) as ErrorBody

describe('a token', () => {
  it('is alone on stdout', async () => {
    const { code, stdout, stderr } = await daemon.cli(['token', 'ada'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^[\x21-\x7e]+\n$/u)
    expect(await provider.isActive(stdout.trim())).toBe(true)
  })

  it('comes as a header line, and as the whole answer', async () => {
    const answer = JSON.parse((await daemon.cli(['token', 'ada', '--json'])).stdout) as TokenAnswer
    expect(answer).toMatchObject({ token_type: 'Bearer', account: { label: 'ada' }, provider: 'generic-oidc' })
    const header = await daemon.cli(['token', answer.account.id, '--header'])
    expect(header.stdout).toBe(`Authorization: ${answer.authorization}\n`)
  })

  it('is replaced on demand and when a 401 is reported', async () => {
    const answer = JSON.parse((await daemon.cli(['token', 'ada', '--json'])).stdout) as TokenAnswer
    const newer = await daemon.cli(['invalidate', 'ada', answer.token_id])
    expect(newer.code).toBe(0)
    expect(newer.stdout.trim()).not.toBe(answer.access_token)
    expect((await daemon.cli(['token', 'ada'])).stdout).toBe(newer.stdout)
    const forced = await daemon.cli(['token', 'ada', '--force-refresh'])
    expect(forced.stdout).toMatch(/^\S+\n$/u)
    expect(forced.stdout).not.toBe(newer.stdout)
  })

  it('is given over loopback TCP to a client of a broker that proves itself', async () => {
    const { code, stdout } = await daemon.cli(['token', 'ada'], { env: { VALETKEY_URL: daemon.endpoint.url ?? '' } })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\S+\n$/u)
  })

  it('is given at the socket that VALETKEY_SOCK names', async () => {
    const env = { VALETKEY_SOCK: daemon.paths.socket, VALETKEY_URL: 'http://127.0.0.1:1' }
    expect((await daemon.cli(['token', 'ada'], { env })).code).toBe(0)
  })
})

describe('a refusal', () => {
  it.each([
    [['token', 'nobody'], 8, 'not_found'],
    [['token', 'generic-oidc'], 2, 'account_selection_required'],
    [['token', 'ada', '--scope', 'openid universe'], 6, 'invalid_scope'],
    [['token'], 2, 'invalid_request'],
    [['token', 'ada', '--timeout', 'soon'], 2, 'invalid_request'],
    [['token', 'ada', '--reason', 'a\nb'], 2, 'invalid_request'],
    [['token', 'ada', '--as', 'nightly'], 5, 'pairing_required'],
  ])('of %j has a status and a sentence', async (args, status, error) => {
    const words = await daemon.cli(args)
    expect(words).toMatchObject({ code: status, stdout: '' })
    expect(words.stderr).toMatch(/^valetkey: \S/u)
    const machine = await daemon.cli([...args, '--json'])
    expect(machine).toMatchObject({ code: status, stdout: '' })
    expect(bodyOf(machine.stderr).error).toBe(error)
    expect(words.stderr).toContain(bodyOf(machine.stderr).error_description.slice(0, 40))
  })

  it('of a token nobody knows', async () => {
    const { code, stderr } = await daemon.cli(['token', 'ada'], { env: { VALETKEY_CLIENT_TOKEN: 'unknown' } })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^run: valetkey pair/mu)
  })

  it('names the accounts to choose from', async () => {
    const { stderr } = await daemon.cli(['token', 'generic-oidc'])
    expect(stderr).toMatch(/^ {2}\S+ {2}ada {2}\(generic-oidc\)$/mu)
    expect(stderr).toMatch(/^ {2}\S+ {2}grace {2}\(generic-oidc\)$/mu)
  })

  it('because nothing runs, in every command that needs the broker', async () => {
    const home = newHome()
    try {
      const commands = [
        ...[
          ['token', 'ada'],
          ['accounts'],
          ['status'],
          ['clients'],
          ['consents'],
          ['requests'],
          ['activity'],
          ['lock'],
        ],
        ...[
          ['unlock'],
          ['providers'],
          ['unlink', 'ada'],
          ['invalidate', 'a', 'b'],
          ['pair', 'x'],
          ['revoke', 'x'],
          ['deny', 'x'],
        ],
        ...[
          ['approve', 'x', '--code', '1'],
          ['link', 'generic-oidc'],
        ],
      ]
      for (const args of commands) {
        const { code, stdout, stderr } = await runCli(home, args)
        expect([args, code, stdout]).toEqual([args, 3, ''])
        expect(stderr).toMatch(/^run: valetkey daemon$/mu)
      }
    } finally {
      removeHome(home)
    }
  })
})

describe('a program without consent', () => {
  it('is refused at once when nobody may be disturbed', async () => {
    const { code, stderr } = await daemon.cli(['token', 'ada', '--interaction', 'never', '--json'], { env: nightly })
    expect(code).toBe(5)
    expect(bodyOf(stderr).error).toBe('consent_required')
  })

  it('is told how to have the question answered', async () => {
    const { code, stderr } = await daemon.cli(['token', 'grace', '--interaction', 'notify'], { env: nightly })
    expect(code).toBe(5)
    const id = /^run: valetkey approve (\S+)$/mu.exec(stderr)?.[1] ?? ''
    expect(/^code: \d{3}-\d{3}$/mu.exec(stderr)).not.toBeNull()
    expect((await daemon.cli(['deny', id])).stderr).toContain('denied to nightly')
  })

  it('waits, showing the code, and gets its token when the person says yes', async () => {
    const args = ['token', 'ada', '--as', 'backup', '--reason', 'the 3 am run']
    const asking = startCli(daemon.paths.home, args, backup)
    let said = ''
    asking.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const result = collect(asking)
    const id = await until(() => /^run: valetkey approve (\S+)$/mu.exec(said)?.[1])
    const shown = /^code: (\d{3}-\d{3})$/mu.exec(said)?.[1] ?? ''
    const listed = await daemon.cli(['requests'])
    expect(listed.stdout).toContain('backup (script)')
    expect(listed.stdout).toContain('the 3 am run')
    expect(listed.stdout).not.toContain(shown)
    expect((await daemon.cli(['approve', id, '--code', '000-000'])).code).toBe(6)
    await approve(daemon, id, shown, ['--for', '1h'])
    const { code, stdout } = await result
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\S+\n$/u)
  })

  it('is told under --json in lines of JSON', async () => {
    const asking = startCli(daemon.paths.home, ['token', 'grace', '--json', '--timeout', '60'], robot)
    let said = ''
    asking.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const result = collect(asking)
    const line = await until(() => said.split('\n').slice(0, -1)[0])
    const { pending } = JSON.parse(line) as { pending: { request_id: string; code: string } }
    await daemon.cli(['deny', pending.request_id])
    const { code, stdout } = await result
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' })
    expect(bodyOf(said.split('\n')[1] ?? '').error).toBe('access_denied')
  })
})

describe('a locked vault', () => {
  it('gives nothing and says how to open it', async () => {
    expect((await daemon.cli(['lock'])).code).toBe(0)
    const { code, stdout, stderr } = await daemon.cli(['token', 'ada'])
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
    expect(stderr).toMatch(/^run: valetkey unlock$/mu)
    expect((await daemon.cli(['unlock'])).code).toBe(0)
    expect((await daemon.cli(['token', 'ada'])).code).toBe(0)
  })
})
