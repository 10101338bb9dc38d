/**
 * A support agent's morning: five documented services linked in one sitting, four of them in a real browser and one by its
 * own grant, and each one's API called with the header it wants. The rule: the services are emulated from their documents
 * and their servers' sources (test/fakes/services), everything on this side of them is real, and every sentence marked `ok`
 * was checked in this run.
 */
import { createInterface } from 'node:readline'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Account } from '../../main/contract/model.ts'
import type { Client, Service } from '../fakes/services/common.ts'
import { startBiggerplate } from '../fakes/services/biggerplate.ts'
import { startBlsct } from '../fakes/services/blsct.ts'
import { startDeskpro } from '../fakes/services/deskpro.ts'
import { startPpmessage } from '../fakes/services/ppmessage.ts'
import { startTextmaster } from '../fakes/services/textmaster.ts'
import { newHome, removeHome, startCli, startDaemon, type RunningDaemon } from '../setup/daemon.ts'
import { chromiumArguments, ensureSystemPackages, findChromium } from '../setup/system-packages.ts'
import { claim, claimCount, command, heading, shown } from './transcript.ts'

interface Stop {
  readonly provider: string
  readonly service: Service & { readonly client: Client; expireAccessTokens(): void }
  readonly params: Readonly<Record<string, string>>
  /** What the person does in the browser; absent where there is none. */
  readonly signIn?: (page: Page) => Promise<void>
  /** An API call that needs a token: the path, and what a good answer has in it. */
  readonly api: { readonly method: 'GET' | 'POST'; readonly url: string; readonly accepts: RegExp }
  /** How the header begins. */
  readonly header: RegExp
  /** Whether a new token comes without the person when the old one has ended. */
  readonly renews: boolean
}

async function fill(
  page: Page,
  person: { readonly email: string; readonly password: string },
  button: string,
): Promise<void> {
  await page.locator('input[type=email]').fill(person.email)
  await page.locator('input[type=password]').fill(person.password)
  await page.getByRole('button', { name: button }).click()
}

async function stops(): Promise<readonly Stop[]> {
  const [ppmessage, deskpro, textmaster, blsct, biggerplate] = await Promise.all([
    startPpmessage(),
    startDeskpro({ any_loopback_port: true }),
    startTextmaster({ any_loopback_port: true }),
    startBlsct(),
    startBiggerplate(),
  ])
  return [
    {
      ...{ provider: 'ppmessage', service: ppmessage, params: { host: ppmessage.host } },
      signIn: (page) => fill(page, ppmessage.person, 'Continue'),
      api: { method: 'POST', url: `${ppmessage.origin}/api/PP_GET_USER_UUID`, accepts: /"error_code": ?"?[^34"]/u },
      ...{ header: /^OAuth /u, renews: false },
    },
    {
      ...{ provider: 'deskpro', service: deskpro, params: { helpdesk_host: deskpro.host } },
      signIn: (page) => fill(page, deskpro.person, 'Allow'),
      api: { method: 'GET', url: `${deskpro.origin}/api/v2/me`, accepts: /"data"/u },
      ...{ header: /^token /u, renews: true },
    },
    {
      ...{ provider: 'textmaster', service: textmaster, params: { host: textmaster.host, api_host: textmaster.host } },
      signIn: (page) => fill(page, textmaster.person, 'Authorize'),
      api: { method: 'GET', url: `${textmaster.origin}/v1/clients/users/me`, accepts: /"email"/u },
      ...{ header: /^Bearer /u, renews: true },
    },
    {
      ...{ provider: 'coupang-blsct', service: blsct, params: { host: blsct.host, api_host: blsct.host } },
      api: { method: 'GET', url: `${blsct.origin}/product/get`, accepts: /\S/u },
      ...{ header: /^Bearer eyJ/u, renews: true },
    },
    {
      ...{
        provider: 'biggerplate',
        service: biggerplate,
        params: { host: biggerplate.host, api_host: biggerplate.host },
      },
      signIn: (page) => fill(page, biggerplate.person, 'Allow'),
      api: { method: 'GET', url: `${biggerplate.origin}/users/me`, accepts: /UserName/u },
      ...{ header: /^Bearer /u, renews: true },
    },
  ]
}

/** Links all five, calls each one's API, and renews what can be renewed. Throws at the first claim that does not hold. */
export async function fiveServices(): Promise<void> {
  const started = performance.now()
  ensureSystemPackages(['demo'])
  const home = newHome()
  const all = await stops()
  const browser = await chromium.launch({ executablePath: findChromium() ?? '', args: chromiumArguments() })
  const daemon = await startDaemon({ home, args: ['--insecure-key-file'] })
  try {
    for (const [index, stop] of all.entries()) {
      heading(`${String(index + 1)}. ${stop.provider}`)
      await link(daemon, browser, stop)
      const first = await header(daemon, stop)
      claim(
        `its API takes the header ${first.split(' ')[0] ?? ''}, as the broker hands it out`,
        await calls(stop, first),
        first,
      )
      stop.service.expireAccessTokens()
      claim('the API refuses the token once it has ended', !(await calls(stop, first)), first)
      await renewed(daemon, stop, first)
    }
    heading(`All ${String(claimCount())} claims hold (${((performance.now() - started) / 1000).toFixed(1)} s).`)
  } finally {
    await daemon.stop()
    await browser.close()
    for (const { service } of all) await service.stop()
    removeHome(home)
  }
}

async function link(
  daemon: RunningDaemon,
  browser: Browser,
  { provider, service, params, signIn }: Stop,
): Promise<void> {
  const words = Object.entries(params).flatMap(([name, value]) => ['--param', `${name}=${value}`])
  const args = [
    'link',
    provider,
    ...words,
    '--client-id',
    service.client.client_id,
    '--client-secret-stdin',
    '--no-browser',
  ]
  command(`valetkey ${args.join(' ')}`)
  const linking = startCli(daemon.paths.home, args)
  linking.stdin?.end(`${service.client.client_secret}\n`)
  const errors: string[] = []
  linking.stderr?.setEncoding('utf8').on('data', (text: string) => errors.push(text))
  const lines = createInterface({ input: linking.stdout ?? process.stdin })[Symbol.asyncIterator]()
  const ended = new Promise<number | null>((resolve) => linking.once('close', resolve))
  if (signIn) {
    const { value: url } = (await lines.next()) as { value?: string }
    if (url === undefined) throw new Error(errors.join(''))
    const page = await browser.newPage()
    await page.goto(url)
    await signIn(page)
    await page.getByText('Signed in').first().waitFor()
    await page.close()
  }
  const { value: linked = '' } = (await lines.next()) as { value?: string }
  shown(linked)
  claim(
    signIn ? 'signed in, in the browser' : 'linked without a browser, by its own grant',
    (await ended) === 0,
    errors.join(''),
  )
}

/** The ready value of the Authorization field. */
async function header(daemon: RunningDaemon, { provider, header: begins }: Stop): Promise<string> {
  const { code, stdout, stderr } = await daemon.cli(['token', provider, '--header'])
  const value = stdout.trim().replace(/^Authorization: /u, '')
  if (code !== 0 || !begins.test(value)) throw new Error(`no header for ${provider}: ${stderr}`)
  return value
}

async function calls({ api }: Stop, authorization: string): Promise<boolean> {
  const headers = {
    authorization,
    accept: 'application/json',
    ...(api.method === 'POST' && { 'content-type': 'application/json' }),
  }
  const answer = await fetch(api.url, { method: api.method, headers, ...(api.method === 'POST' && { body: '{}' }) })
  return answer.ok && api.accepts.test(await answer.text())
}

async function renewed(daemon: RunningDaemon, stop: Stop, first: string): Promise<void> {
  const { code, stdout, stderr } = await daemon.cli(['token', stop.provider, '--header', '--force-refresh'])
  if (!stop.renews) {
    const { accounts } = JSON.parse((await daemon.cli(['accounts', '--all', '--json'])).stdout) as {
      accounts: Account[]
    }
    const account = accounts.find(({ provider }) => provider === stop.provider)
    claim(
      'there is no renewing it without the person, and the broker says so',
      code !== 0 && account?.renewable === false,
      stderr,
    )
    return
  }
  const value = stdout.trim().replace(/^Authorization: /u, '')
  claim('the broker renews it, and the API takes the new one', value !== first && (await calls(stop, value)), stderr)
}
