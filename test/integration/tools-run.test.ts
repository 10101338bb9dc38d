/** `valetkey run`: what a command finds in its environment, what it does not, and how it ends; Python's requests among them. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ErrorBody } from '../../main/contract/errors.ts'
import { type ApiServer, startApi } from '../fakes/api-server.ts'
import { type IdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts'
import { collect, newHome, removeHome, runCli, type RunningDaemon, startDaemon, until } from '../setup/daemon.ts'
import { linkAccount, pairProgram } from '../setup/link.ts'
import { type Tools, toolsBeside } from '../setup/tool.ts'

let daemon: RunningDaemon
let provider: IdentityProvider
let api: ApiServer
let tools: Tools
let report: string
const folder = mkdtempSync(join(tmpdir(), 'vk-run-'))

beforeAll(async () => {
  ;[daemon, provider] = await Promise.all([
    startDaemon({ args: ['--insecure-key-file', '--http'] }),
    startIdentityProvider({ access_ttl: 600 }),
  ])
  api = await startApi((authorization) => provider.isActive(authorization.replace('Bearer ', '')))
  await linkAccount(daemon, provider, { login: 'ada' })
  await linkAccount(daemon, provider, { login: 'grace', label: 'Grace at work' })
  report = await pairProgram(daemon, 'report')
  tools = toolsBeside(daemon, folder)
})
afterAll(async () => {
  await Promise.all([daemon.stop(), provider.stop(), api.stop()])
  rmSync(folder, { recursive: true, force: true })
})

const run = (args: readonly string[], env: Record<string, string> = {}): ReturnType<Tools['run']> =>
  tools.run(['valetkey', 'run', ...args], { env })
const token = async (account: string): Promise<string> => (await daemon.cli(['token', account])).stdout.trim()
/** What a command sees of the variables that matter here. */
const show = ['--', 'sh', '-c', 'env | grep -E "^(VALETKEY_|API_TOKEN|OTHER)" | sort']
const linesOf = (text: string): readonly string[] => text.trimEnd().split('\n')

describe('the environment of the command', () => {
  it('has the tokens that were asked for, and where the broker is', async () => {
    const { code, stdout, stderr } = await run(['--env', 'API_TOKEN=ada', '--account', 'Grace at work', ...show])
    expect(code).toBe(0)
    expect(linesOf(stdout)).toEqual([
      `API_TOKEN=${await token('ada')}`,
      `VALETKEY_HOME=${daemon.paths.home}`,
      `VALETKEY_SOCK=${daemon.paths.socket}`,
      `VALETKEY_TOKEN_GRACE_AT_WORK=${await token('Grace at work')}`,
      `VALETKEY_URL=${daemon.endpoint.url ?? ''}`,
    ])
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^valetkey: API_TOKEN, the token of ada, is good until \S+ \S+ and is not renewed/u),
      expect.stringMatching(/^valetkey: VALETKEY_TOKEN_GRACE_AT_WORK, the token of Grace at work, is good until/u),
    ])
  })

  it('has the token of a paired program only where the command is said to be that program', async () => {
    const asked = { VALETKEY_CLIENT_TOKEN: report }
    const as = await run(['--as', 'report', ...show], asked)
    expect(linesOf(as.stdout)).toContain(`VALETKEY_CLIENT_TOKEN=${report}`)
    const without = await run(show, asked)
    expect(without.code).toBe(0)
    expect(without.stdout).not.toContain(report)
    const missing = await run(['--as', 'report', ...show])
    expect(missing).toMatchObject({ code: 5, stdout: '' })
    expect(missing.stderr).toMatch(/^run: valetkey pair report$/mu)
  })

  it('leads to the broker: a command in it asks for itself', async () => {
    const { code, stdout } = await run(['--', 'valetkey', 'token', 'ada'], { VALETKEY_URL: daemon.endpoint.url ?? '' })
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${await token('ada')}\n` })
  })

  it('is nobody else’s: no argument of any process and no file has the token', async () => {
    const secret = await token('ada')
    const script = 'tr "\\0" " " < /proc/$PPID/cmdline; tr "\\0" "\\n" < /proc/$PPID/environ; cat /proc/$$/cmdline'
    const { code, stdout } = await run(['--env', 'API_TOKEN=ada', '--', 'sh', '-c', script])
    expect(code).toBe(0)
    expect(stdout).toContain('API_TOKEN=ada')
    expect(stdout).not.toContain(secret)
    expect(await tools.run(['grep', '-rl', secret, folder, daemon.paths.home])).toMatchObject({ code: 1, stdout: '' })
  })

  it('is said in JSON on demand', async () => {
    const { stdout, stderr } = await run(['--json', '--env', 'OTHER=ada', '--', 'echo', 'done'])
    expect(stdout).toBe('done\n')
    expect(JSON.parse(stderr)).toMatchObject({
      environment: [{ name: 'OTHER', account: { label: 'ada' }, expires_at: expect.any(Number) as number }],
    })
  })
})

describe('the end of the command', () => {
  it.each([
    [['sh', '-c', 'exit 7'], 7],
    [['sh', '-c', 'kill -TERM $$'], 128 + constants.signals.SIGTERM],
    [['sh', '-c', 'kill -KILL $$'], 128 + constants.signals.SIGKILL],
    [['no-such-program-here'], 127],
    [[tmpdir()], 126],
  ])('of %j is passed on', async (command, status) => {
    expect(await run(['--', ...command])).toMatchObject({ code: status, stdout: '' })
  })

  it('has standard input and output of its own, byte for byte', async () => {
    const input = Buffer.from('one\ntwo\u0000three').toString()
    const { code, stdout } = await tools.run(['valetkey', 'run', '--', 'cat'], { input })
    expect({ code, stdout }).toEqual({ code: 0, stdout: input })
  })

  it('leaves the command’s own options alone', async () => {
    expect((await run(['--', 'printf', '%s|', '--json', '--help', '-V', '--'])).stdout).toBe('--json|--help|-V|--|')
  })

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
    'comes by %s when we are sent it',
    async (signal) => {
      const name = signal.slice('SIG'.length)
      const script = `trap 'echo got ${name}; exit 9' ${name}; echo ready; while :; do sleep 0.05; done`
      const words = [join(import.meta.dirname, '../../dist/cli.cjs'), 'run', '--', 'sh', '-c', script]
      const child = spawn(process.execPath, words, { env: tools.env })
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
      const ended = collect(child)
      await until(() => (said.includes('ready') ? true : undefined))
      child.kill(signal)
      expect(await ended).toMatchObject({ code: 9, stdout: `ready\ngot ${name}\n` })
    },
  )
})

describe('on a terminal', () => {
  it('Ctrl-C reaches the command once, and the command says what it comes to', async () => {
    const script = join(folder, 'patient')
    // Counts for a while after the first, so that a second would be seen.
    const lines = ["trap 'echo GOT' INT", 'echo ready', 'i=0', 'while [ $i -lt 20 ]', 'do sleep 0.05; i=$((i+1)); done']
    writeFileSync(script, [...lines, 'exit 4', ''].join('\n'))
    // Or the shell that script(1) starts would be interrupted as well.
    const command = `exec valetkey run -- sh ${script}`
    const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { env: tools.env })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    const ended = collect(child)
    await until(() => (said.includes('ready') ? true : undefined))
    child.stdin.write('\u0003')
    expect((await ended).code).toBe(4)
    expect(said.match(/GOT/gu)).toHaveLength(1)
  })
})

describe('what is refused before anything is asked or started', () => {
  it.each([
    ['PATH=ada', 'decides how programs run'],
    ['LD_PRELOAD=ada', 'decides how programs run'],
    ['node_options=ada', 'decides how programs run'],
    ['VALETKEY_SOCK=ada', 'decides how programs run'],
    ['GIT_SSH_COMMAND=ada', 'decides how programs run'],
    ['A B=ada', 'is no name for a variable'],
    ['API_TOKEN', 'takes NAME=ACCOUNT'],
    ['=ada', 'takes NAME=ACCOUNT'],
  ])('--env %s', async (word, sentence) => {
    const { code, stdout, stderr } = await run(['--env', word, '--', 'echo', 'started'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(sentence)
    expect(stderr).toMatch(/^run: valetkey run --help$/mu)
  })

  it.each([
    [['--env', 'A=ada', '--env', 'a=grace'], 2],
    [['--account', 'ada', '--env', 'VALETKEY_TOKEN_ADA=ada'], 2],
    [['--env', 'A=nobody'], 8],
    [['--env', 'A=generic-oidc'], 2],
    [['--env', 'A=ada', '--scope', 'universe'], 6],
    [['--env', 'A=ada', '--timeout', 'soon'], 2],
    [['ls', '-l'], 2],
  ])('%j', async (args, status) => {
    const words = await run([...args, '--', 'echo', 'started'])
    expect({ code: words.code, stdout: words.stdout }).toEqual({ code: status, stdout: '' })
    const machine = await run([...args, '--json', '--', 'echo', 'started'])
    expect(machine).toMatchObject({ code: status, stdout: '' })
    expect((JSON.parse(machine.stderr) as ErrorBody).error_description).toMatch(/\S/u)
  })

  it('an option that is the command’s own says where to put it', async () => {
    expect((await run(['ls', '-l'])).stderr).toContain('-l is no option of run; if it is the command’s own, put --')
  })

  it('a command without a broker', async () => {
    const home = newHome()
    try {
      const { code, stdout, stderr } = await runCli(home, ['run', '--', 'echo', 'started'])
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toMatch(/^run: valetkey daemon$/mu)
    } finally {
      removeHome(home)
    }
  })
})

describe('Python’s requests', () => {
  const program = `
import os, requests
answer = requests.get(os.environ["API_URL"], headers={"Authorization": "Bearer " + os.environ["API_TOKEN"]}, timeout=20)
print(answer.status_code, answer.json())
`
  it('calls an API with the token it was given', async () => {
    const args = ['--env', 'API_TOKEN=ada', '--', 'python3', '-c', program]
    const { code, stdout, stderr } = await run(args, { API_URL: `${api.origin}/me` })
    expect({ code, stdout }, stderr).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^200 \{'method': 'GET', 'url': '\/me'/u) as string,
    })
    expect(api.requests.at(-1)?.headers.authorization).toBe(`Bearer ${await token('ada')}`)
  })
})

describe('curl', () => {
  it.each([
    ['a header from a file that is no file', 'curl -sS -H @<(valetkey token ada --header) "$API_URL"'],
    ['a header from standard input', 'valetkey token ada --header | curl -sS -H @- "$API_URL"'],
    [
      'a configuration from standard input',
      `printf 'header = "%s"\\n' "$(valetkey token ada --header)" | curl -sS -K - "$API_URL"`,
    ],
  ])('takes %s', async (_what, script) => {
    const { code, stdout, stderr } = await tools.run(['bash', '-c', script], { env: { API_URL: `${api.origin}/me` } })
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\{"method":"GET","url":"\/me"/u) as string,
      stderr: '',
    })
  })
})
