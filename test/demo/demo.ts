/**
 * The whole job, on real parts, in a throw-away home: an identity provider in a process of its own, a browser that signs
 * in, the daemon, and three different tools that each get a fresh token. The rule: every sentence marked `ok` was checked
 * in this run; the first that does not hold ends the demo with exit code 1. With `--providers` it is another job: five
 * services in one sitting (providers.ts).
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium, type Browser } from 'playwright-core'
import { connect } from '../../clients/js/index.ts'
import type { TokenAnswer } from '../../main/contract/client-api.ts'
import type { ErrorBody } from '../../main/contract/errors.ts'
import type { Account } from '../../main/contract/model.ts'
import { signIn, startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, newHome, removeHome, startCli, startDaemon, until, type RunningDaemon } from '../setup/daemon.ts'
import { chromiumArguments, ensureSystemPackages, findChromium } from '../setup/system-packages.ts'
import { fiveServices } from './providers.ts'
import { claim, claimCount, command, heading, hint, shown } from './transcript.ts'

const accessLifetime = 12
const label = 'ada'
const secrets = new Set<string>()

async function main(): Promise<void> {
  const started = performance.now()
  ensureSystemPackages(['demo'])
  const home = newHome()
  const provider = await startIdentityProvider({ access_ttl: accessLifetime })
  const browser = await chromium.launch({ executablePath: findChromium() ?? '', args: chromiumArguments() })
  const daemon = await startDaemon({ home, args: ['--passphrase', '--http'], input: 'correct horse battery staple\n' })
  try {
    heading('1. The parts')
    shown(`identity provider  ${provider.issuer}  (oidc-provider, process ${String(provider.pid)})`)
    shown(`browser            Chromium ${browser.version()}`)
    shown(`broker             process ${String(daemon.pid)}, socket ${daemon.paths.socket}`)
    shown('vault              SQLite, every secret sealed with AES-256-GCM, key behind a passphrase (scrypt)')
    await link(daemon, provider, browser)
    const clients = await pairTools(daemon)
    await threeTools(daemon, provider, clients)
    await expiry(daemon, provider)
    await fiftyCallers(daemon, provider, clients.script)
    await activity(daemon)
    await unlink(daemon, provider, clients.script)
    await nothingLeaked(daemon, home)
    heading(`All ${String(claimCount())} claims hold (${((performance.now() - started) / 1000).toFixed(1)} s).`)
  } finally {
    await daemon.stop()
    await browser.close()
    await provider.stop()
    removeHome(home)
  }
}

async function link(daemon: RunningDaemon, provider: IdentityProvider, browser: Browser): Promise<void> {
  heading('2. Sign in once, in a real browser')
  const args = [
    'link',
    'generic-oidc',
    '--param',
    `issuer=${provider.issuer}`,
    '--client-id',
    provider.client_id,
    '--label',
    label,
    '--no-browser',
  ]
  command(`valetkey ${args.join(' ')}`)
  const linking = startCli(daemon.paths.home, args)
  const lines = createInterface({ input: linking.stdout ?? process.stdin })[Symbol.asyncIterator]()
  const ended = new Promise<number | null>((resolve) => linking.once('close', resolve))
  const { value: url } = (await lines.next()) as { value: string }
  const page = await browser.newPage()
  await page.goto(url)
  await signIn(page, { login: label })
  const said = (await page.locator('body').innerText()).split('\n').find((line) => line.trim() !== '') ?? ''
  const { value: linked } = (await lines.next()) as { value: string }
  shown(linked)
  claim(`the command ends well, and the browser tab says “${said}”`, (await ended) === 0 && said !== '', said)
  await page.close()
}

interface Tools {
  readonly curl: string
  readonly script: string
}

/** Pairs a tool the way a person does on a terminal: the tool shows a code, the person types it. */
async function pairTools(daemon: RunningDaemon): Promise<Tools> {
  heading('3. Pair two tools: each shows a code, the person types it')
  const tokens: string[] = []
  for (const name of ['curl', 'report']) {
    command(`valetkey pair ${name}`)
    const pairing = startCli(daemon.paths.home, ['pair', name, '--json'])
    const out: string[] = []
    const err: string[] = []
    pairing.stdout?.setEncoding('utf8').on('data', (text: string) => out.push(text))
    pairing.stderr?.setEncoding('utf8').on('data', (text: string) => err.push(text))
    const ended = new Promise<number | null>((resolve) => pairing.once('close', resolve))
    const code = await until(() => /\b\d{3}-\d{3}\b/u.exec(err.join(''))?.[0])
    const id = await until(async () => pendingId(daemon))
    await approve(daemon, id, code)
    if ((await ended) !== 0) throw new Error(err.join(''))
    const { client_token } = JSON.parse(out.join('')) as { client_token: string }
    secrets.add(client_token)
    tokens.push(client_token)
    shown(`client token ${hint(client_token)}, given once`)
  }
  const [curl = '', script = ''] = tokens
  return { curl, script }
}

async function pendingId(daemon: RunningDaemon): Promise<string | undefined> {
  const { stdout } = await daemon.cli(['requests', '--json'])
  return (JSON.parse(stdout) as { requests: { id: string }[] }).requests[0]?.id
}

async function approve(daemon: RunningDaemon, id: string, code: string): Promise<void> {
  const args = ['approve', id, '--for', '1h', '--code', code]
  command(`valetkey ${args.join(' ')}`)
  const { code: exit, stderr } = await daemon.cli(args)
  if (exit !== 0) throw new Error(`approving failed: ${stderr}`)
}

async function threeTools(daemon: RunningDaemon, provider: IdentityProvider, tools: Tools): Promise<void> {
  heading('4. Three tools, one sign-in')
  const userinfo = `${provider.issuer}/me`
  // Without consent nothing is given; the refusal names the question and the code the person will be asked for.
  const refused = (await curlToken(daemon, tools.curl, 'notify')) as ErrorBody
  claim(`curl is told ${refused.error} before the person has said yes`, refused.error === 'consent_required', refused)
  await approve(daemon, refused.request_id ?? '', refused.resolve?.code ?? '')
  const byCurl = (await curlToken(daemon, tools.curl, 'never')) as TokenAnswer
  claim(
    '(a) curl over the socket: the provider knows whose token it is',
    await isAdas(userinfo, byCurl.authorization),
    byCurl.scope,
  )

  command(`valetkey token ${label}`)
  const { stdout } = await daemon.cli(['token', label])
  const byCli = stdout.trim()
  secrets.add(byCli)
  claim('(b) the command line: the same account, the same token', byCli === byCurl.access_token, hint(byCli))

  const client = connect({ home: daemon.paths.home, clientToken: tools.script })
  const asked = client.getToken(
    { account: label, reason: 'the morning report' },
    { onPending: (pending) => void approve(daemon, pending.requestId, pending.code) },
  )
  await asked
  client.close()
  command(`node report.ts ${label} ${userinfo}`)
  const report = spawn(process.execPath, [join(import.meta.dirname, 'report.ts'), label, userinfo], {
    env: { PATH: process.env['PATH'], VALETKEY_HOME: daemon.paths.home, VALETKEY_CLIENT_TOKEN: tools.script },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { stdout: line } = await collect(report)
  shown(line)
  const { status, body } = JSON.parse(line) as { status: number; body: { sub: string } }
  claim(
    '(c) a Node script using clients/js: it read the API, never the refresh token',
    status === 200 && body.sub === label,
    line,
  )
}

async function curlToken(
  daemon: RunningDaemon,
  clientToken: string,
  interaction: string,
): Promise<TokenAnswer | ErrorBody> {
  const body = JSON.stringify({ account: label, interaction })
  command(`curl --unix-socket broker.sock http://localhost/v1/token -H @- --json '${body}' <client-token`)
  const args = [
    '--silent',
    '--unix-socket',
    daemon.paths.socket,
    'http://localhost/v1/token',
    '--header',
    '@-',
    '--json',
    body,
  ]
  const curl = spawn('curl', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  // The credential comes through standard input: an argument could be read by every process of this user.
  curl.stdin.end(`Authorization: Bearer ${clientToken}\n`)
  const { stdout } = await collect(curl)
  const answer = JSON.parse(stdout) as TokenAnswer | ErrorBody
  if ('access_token' in answer) secrets.add(answer.access_token)
  return answer
}

async function isAdas(userinfo: string, authorization: string): Promise<boolean> {
  const answer = await fetch(userinfo, { headers: { authorization } })
  return answer.ok && ((await answer.json()) as { sub: string }).sub === label
}

async function expiry(daemon: RunningDaemon, provider: IdentityProvider): Promise<void> {
  heading(`5. Tokens last ${String(accessLifetime)} s here: watch one being renewed, and the refresh token rotating`)
  const before = (await daemon.cli(['token', label])).stdout.trim()
  const spent = (await provider.events()).counts['refresh_token.consumed'] ?? 0
  await until(async () => ((await provider.isActive(before)) ? undefined : true), 40_000)
  const after = (await daemon.cli(['token', label])).stdout.trim()
  for (const token of [before, after]) secrets.add(token)
  claim(
    'the old token has expired at the provider, and the broker gives a new one',
    after !== before && (await provider.isActive(after)),
    {
      before: hint(before),
      after: hint(after),
    },
  )
  const now = (await provider.events()).counts['refresh_token.consumed'] ?? 0
  claim(
    `the provider saw the refresh token used and replaced (${String(spent)} before, ${String(now)} now)`,
    now > spent,
    { spent, now },
  )
}

async function fiftyCallers(daemon: RunningDaemon, provider: IdentityProvider, clientToken: string): Promise<void> {
  heading('6. Fifty callers at one expired token')
  // A token nobody takes is not renewed ahead of time: wait until the current one is such a one, and over.
  await until(async () => {
    const { accounts } = JSON.parse((await daemon.cli(['accounts', '--all', '--json'])).stdout) as {
      accounts: Account[]
    }
    const expires = accounts[0]?.token?.expires_at ?? 0
    return expires > 0 && expires * 1000 < Date.now() ? true : undefined
  }, 60_000)
  const before = (await provider.events()).token_requests
  const started = performance.now()
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const client = connect({ home: daemon.paths.home, clientToken })
      const answer = await client.getToken({ account: label, interaction: 'never' })
      client.close()
      return answer.access_token
    }),
  )
  const took = Math.round(performance.now() - started)
  const requests = (await provider.events()).token_requests - before
  secrets.add(answers[0] ?? '')
  claim(
    `50 equal answers in ${String(took)} ms, from ${String(requests)} request to the token endpoint`,
    requests === 1 && new Set(answers).size === 1,
    {
      requests,
      different: new Set(answers).size,
    },
  )
}

async function activity(daemon: RunningDaemon): Promise<void> {
  heading('7. What happened is written down, one row per request')
  command('valetkey activity --limit 100')
  const { stdout } = await daemon.cli(['activity', '--limit', '100'])
  shown(digest(stdout))
  const leaked = [...secrets].filter((secret) => stdout.includes(secret))
  claim(
    'rows for tokens and refreshes, and no token in any of them',
    /token/u.test(stdout) && leaked.length === 0,
    stdout,
  )
}

/** The same rows one after the other are one row here, with their number. */
function digest(table: string): string {
  const runs: { line: string; what: string; times: number }[] = []
  for (const line of table.trimEnd().split('\n')) {
    const what = line
      .replace(/^[\d-]+ [\d:]+ +/u, '')
      .replace(/\b\d+ ms\b/u, '')
      .replaceAll(/\s+/gu, ' ')
    const last = runs.at(-1)
    if (last?.what === what) last.times++
    else runs.push({ line, what, times: 1 })
  }
  return runs.map(({ line, times }) => (times === 1 ? line : `${line}   (${String(times)} rows like this)`)).join('\n')
}

async function unlink(daemon: RunningDaemon, provider: IdentityProvider, clientToken: string): Promise<void> {
  heading('8. Unlink: gone here, revoked there')
  const last = (await daemon.cli(['token', label])).stdout.trim()
  secrets.add(last)
  const alive = await provider.isActive(last)
  command(`valetkey unlink ${label}`)
  const { code, stdout, stderr } = await daemon.cli(['unlink', label])
  shown(`${stdout}${stderr}`)
  const dead = !(await provider.isActive(last))
  claim('the provider has revoked it: its last token worked before and does not now', code === 0 && alive && dead, {
    code,
    alive,
    dead,
  })
  const client = connect({ home: daemon.paths.home, clientToken })
  const refusal: unknown = await client
    .getToken({ account: label, interaction: 'never' })
    .catch((error: unknown) => error)
  client.close()
  const answer = (refusal as { code?: string }).code
  claim(`the script that could read it is told ${String(answer)}`, answer === 'not_found', answer)
}

/** Every file the broker wrote, searched for every token this run has seen. */
async function nothingLeaked(daemon: RunningDaemon, home: string): Promise<void> {
  heading('9. Nothing was left lying about')
  await daemon.stop()
  const files = readdirSync(home, { recursive: true, encoding: 'utf8' })
    .map((name) => join(home, name))
    .filter((file) => statSync(file).isFile())
  const texts = [...files.map((file) => readFileSync(file, 'latin1')), daemon.output()]
  const found = [...secrets].filter((secret) => texts.some((text) => text.includes(secret)))
  claim(
    `${String(secrets.size)} tokens searched for in ${String(files.length)} files and the daemon's whole log: none there`,
    found.length === 0,
    files,
  )
}

const run = process.argv.includes('--providers') ? fiveServices : main
run().catch((thrown: unknown) => {
  process.stderr.write(`\n${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`)
  process.exitCode = 1
})
