/**
 * What a program is told when a command fails: with `--json` every refusal of every command is one line with the code, a
 * sentence, and what to do next; and where a person was asked, which question it is.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ErrorBody, errorTable } from '../../main/contract/errors.ts'
import { type IdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts'
import { type CommandResult, newHome, removeHome, runCli, type RunningDaemon, startDaemon } from '../setup/daemon.ts'
import { linkAccount, pairProgram } from '../setup/link.ts'

let daemon: RunningDaemon
let provider: IdentityProvider
let program: Record<string, string>
beforeAll(async () => {
  ;[daemon, provider] = await Promise.all([startDaemon(), startIdentityProvider()])
  for (const login of ['ada', 'grace']) await linkAccount(daemon, provider, { login })
  program = { VALETKEY_CLIENT_TOKEN: await pairProgram(daemon, 'nightly') }
})
afterAll(async () => {
  await Promise.all([daemon.stop(), provider.stop()])
})

/** The one line of JSON, checked for what every one of them has. */
function bodyOf({ code, stdout, stderr }: CommandResult): ErrorBody {
  expect(stdout).toBe('')
  const body = JSON.parse(stderr) as ErrorBody
  expect(code).toBe(errorTable[body.error].exit)
  expect(body.error_description).toMatch(/^\S.* \S+$/u)
  const next = body.resolve?.command ?? body.resolve?.url ?? body.retry_after
  expect(next, stderr).toBeDefined()
  return body
}

/** The commands there are, by their own help. */
async function commands(): Promise<readonly string[]> {
  const { stdout } = await daemon.cli(['--help'])
  return [...stdout.matchAll(/^ {2}([a-z-]+)(?: |$)/gmu)].map(([, name = '']) => name).filter((name) => name !== 'help')
}

describe('every command', () => {
  it('refuses a word it does not know, and says where its words are', async () => {
    const names = await commands()
    expect(names.length).toBeGreaterThan(20)
    for (const name of names) {
      const body = bodyOf(await daemon.cli([name, '--no-such-word', '--json']))
      expect([name, body.error, body.resolve?.command]).toEqual([name, 'invalid_request', `valetkey ${name} --help`])
    }
  }, 240_000)

  it.each([
    [['token', 'ada']],
    [['invalidate', 'a', 'b']],
    [['accounts']],
    [['accounts', '--all']],
    [['unlink', 'a']],
    [['link', 'generic-oidc']],
    [['callback', 'app.valetkey:/callback/x']],
    [['providers']],
    [['pair', 'x']],
    [['clients']],
    [['consents']],
    [['revoke', 'x']],
    [['requests']],
    [['approve', 'x', '--code', '1']],
    [['deny', 'x']],
    [['activity']],
    [['status']],
    [['lock']],
    [['unlock']],
    [['run', '--', 'true']],
    [['run', '--env', 'A=ada', '--', 'true']],
    [['credential', 'kubectl', '--account', 'ada']],
  ])('says how to start the broker it needs: %j', async (args) => {
    const home = newHome()
    try {
      const [first = '', ...rest] = args
      const body = bodyOf(await runCli(home, [first, '--json', ...rest]))
      expect(body).toMatchObject({ error: 'not_running', resolve: { command: 'valetkey daemon' } })
    } finally {
      removeHome(home)
    }
  })
})

describe('a refusal', () => {
  it.each([
    [['token', 'nobody'], 'not_found'],
    [['token', 'generic-oidc'], 'account_selection_required'],
    [['token', 'ada', '--scope', 'universe'], 'invalid_scope'],
    [['token', 'ada', '--as', 'x'], 'pairing_required'],
    [['token', 'ada', '--reason', 'a\nb'], 'invalid_request'],
    [['invalidate', 'nobody', 'x'], 'not_found'],
    [['unlink', 'nobody'], 'not_found'],
    [['link', 'no-such-provider'], 'not_found'],
    [['link', 'generic-oidc'], 'invalid_request'],
    [['link', 'generic-oidc', '--param', 'x'], 'invalid_request'],
    [['callback', 'app.valetkey:/callback/x'], 'not_found'],
    [['providers', 'show', 'nothing'], 'not_found'],
    [['providers', 'remove', 'github'], 'invalid_request'],
    [['providers', 'validate', '/no/such/file'], 'invalid_request'],
    [['revoke', 'nobody'], 'not_found'],
    [['approve', 'nothing', '--code', '000-000'], 'not_found'],
    [['approve', 'nothing'], 'invalid_request'],
    [['deny', 'nothing'], 'not_found'],
    [['status', '--console'], 'not_found'],
    [['daemon', '--insecure-key-file'], 'temporarily_unavailable'],
    [['native-host', 'install', '--extension-id', 'x'], 'invalid_request'],
    [['run', '--env', 'PATH=ada', 'true'], 'invalid_request'],
    [['run', '--env', 'A=nobody', 'true'], 'not_found'],
    [['credential', 'kubectl'], 'invalid_request'],
    [['no-such-command'], 'invalid_request'],
  ])('of %j', async (args, error) => {
    expect(bodyOf(await daemon.cli([...args, '--json'])).error).toBe(error)
  })

  it('of a program whose token is not known', async () => {
    const body = bodyOf(await daemon.cli(['token', 'ada', '--json'], { env: { VALETKEY_CLIENT_TOKEN: 'unknown' } }))
    expect(body.error).toBe('invalid_client')
  })

  it('because nobody was to be disturbed, or had not answered, or said no, names the question', async () => {
    const never = bodyOf(await daemon.cli(['token', 'ada', '--interaction', 'never', '--json'], { env: program }))
    expect(never.error).toBe('consent_required')
    const notify = ['token', 'ada', '--interaction', 'notify', '--json']
    const asked = bodyOf(await daemon.cli(notify, { env: program }))
    expect(asked).toMatchObject({ error: 'consent_required', request_id: expect.any(String) as string })
    expect(asked.resolve).toEqual({
      command: `valetkey approve ${asked.request_id ?? ''}`,
      code: expect.stringMatching(/^\d{3}-\d{3}$/u) as string,
    })
    const waited = await daemon.cli(['run', '--json', '--timeout', '0', '--env', 'A=ada', '--', 'true'], {
      env: program,
    })
    const lines = waited.stderr.trimEnd().split('\n')
    const late = bodyOf({ ...waited, stderr: lines.at(-1) ?? '' })
    expect(late).toMatchObject({ error: 'timeout', request_id: asked.request_id })
    const wrong = bodyOf(await daemon.cli(['approve', asked.request_id ?? '', '--code', '1', '--json']))
    expect(wrong).toMatchObject({ error: 'access_denied', request_id: asked.request_id })
    expect((await daemon.cli(['deny', asked.request_id ?? ''])).code).toBe(0)
    const denied = bodyOf(await daemon.cli(notify, { env: program }))
    expect(denied).toMatchObject({ error: 'access_denied', retry_after: expect.any(Number) as number })
  })

  it('because the vault is locked', async () => {
    expect((await daemon.cli(['lock'])).code).toBe(0)
    const refused = [
      ...[
        ['token', 'ada'],
        ['invalidate', 'ada', 'x'],
        ['link', 'generic-oidc'],
      ],
      ...[
        ['credential', 'kubectl', '--account', 'ada'],
        ['run', '--env', 'A=ada', 'true'],
      ],
    ]
    const bodies = []
    for (const args of refused) bodies.push(bodyOf(await daemon.cli([...args, '--json'])))
    expect((await daemon.cli(['unlock'])).code).toBe(0)
    for (const body of bodies) expect(body).toMatchObject({ error: 'locked', resolve: { command: 'valetkey unlock' } })
  })

  it('because the time the caller gave is over', async () => {
    const pairing = bodyOf({ ...(await lastLine(['pair', 'slow', '--timeout', '1', '--json'])) })
    expect(pairing.error).toBe('timeout')
    expect(JSON.parse((await daemon.cli(['requests', '--json'])).stdout)).toEqual({ requests: [] })
    const link = ['link', 'generic-oidc', '--param', `issuer=${provider.issuer}`, '--client-id', provider.client_id]
    const linking = await daemon.cli([...link, '--no-browser', '--timeout', '1', '--json'])
    const lines = linking.stderr.trimEnd().split('\n')
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ error: 'timeout' })
    expect(linking.code).toBe(errorTable.timeout.exit)
  })

  /** A command that announces its question first. */
  async function lastLine(args: readonly string[]): Promise<CommandResult> {
    const result = await daemon.cli(args)
    return { ...result, stderr: result.stderr.trimEnd().split('\n').at(-1) ?? '' }
  }
})
