/** `valetkey link` and what follows from it, with the real daemon and a real provider; only the person's browser is played. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account, SignIn } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { startIdentityProvider, visit, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, type RunningDaemon, startCli, startDaemon, until } from '../setup/daemon.ts'

let daemon: RunningDaemon
let provider: IdentityProvider
beforeAll(async () => {
  ;[daemon, provider] = await Promise.all([startDaemon(), startIdentityProvider()])
})
afterAll(async () => {
  await Promise.all([daemon.stop(), provider.stop()])
})

const linkArgs = (...more: readonly string[]): readonly string[] => [
  ...['link', 'generic-oidc', '--param', `issuer=${provider.issuer}`, '--client-id', provider.client_id],
  ...more,
]
/** What a command has written so far. */
function follow(child: ReturnType<typeof startCli>): { readonly out: () => string; readonly err: () => string } {
  const text = { out: '', err: '' }
  child.stdout?.setEncoding('utf8').on('data', (part: string) => (text.out += part))
  child.stderr?.setEncoding('utf8').on('data', (part: string) => (text.err += part))
  return { out: () => text.out, err: () => text.err }
}
async function waitingSignIns(): Promise<readonly SignIn[]> {
  const { sign_ins } = await control<Snapshot>('snapshot')
  return sign_ins.filter(({ state }) => state === 'waiting')
}
/** A call of the control socket that the command line does not show whole. */
function control<T>(method: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request({
      socketPath: daemon.paths.control,
      method: 'POST',
      path: `/v1/window/${method}`,
      headers: { 'content-type': 'application/json' },
    })
    call.on('error', reject)
    call.on('response', (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (part: string) => (body += part))
      answer.on('end', () => {
        resolve((JSON.parse(body) as { value: T }).value)
      })
    })
    call.end('{}')
  })
}

describe('linking', () => {
  it('opens the browser that BROWSER names, waits, and says what was linked', async () => {
    const browser = join(daemon.paths.home, 'browser')
    writeFileSync(browser, `#!/bin/sh\nprintf '%s' "$1" > '${browser}.url'\n`)
    chmodSync(browser, 0o700)
    const linking = startCli(daemon.paths.home, linkArgs('--label', 'ada'), { BROWSER: browser })
    const text = follow(linking)
    const result = collect(linking)
    const url = await until(async () => (await waitingSignIns())[0]?.authorization_url)
    await until(() => (text.err().includes('waiting for you') ? true : undefined))
    await fetch(await visit(url, { login: 'ada' }))
    const { code, stdout, stderr } = await result
    expect(stderr).toContain('opening your browser to sign in to')
    expect(stderr).toContain('linked ada at')
    expect(stderr).not.toContain('http')
    expect(stdout).toMatch(/^ada {2}\S+ {2}.*openid.*\n$/u)
    expect(code).toBe(0)
    expect(readFileSync(`${browser}.url`, 'utf8')).toBe(url)
    expect((await daemon.cli(['token', 'ada'])).stdout).toMatch(/^\S+\n$/u)
  })

  it('shows the address when no browser opens', async () => {
    const linking = startCli(daemon.paths.home, linkArgs('--label', 'grace'), {
      BROWSER: 'false',
      PATH: '/nonexistent',
    })
    const text = follow(linking)
    const result = collect(linking)
    const url = await until(() => /^open: (http\S+)$/mu.exec(text.err())?.[1])
    await fetch(await visit(url, { login: 'grace' }))
    expect((await result).code).toBe(0)
  })

  it('with --no-browser and --json prints the sign-in, then what came of it', async () => {
    const linking = startCli(daemon.paths.home, linkArgs('--label', 'edsger', '--no-browser', '--json'))
    const text = follow(linking)
    const result = collect(linking)
    const started = await until(() =>
      text.out().includes('\n') ? (JSON.parse(text.out().split('\n')[0] ?? '') as SignIn) : undefined,
    )
    await fetch(await visit(started.authorization_url, { login: 'edsger' }))
    const { code, stdout } = await result
    const [, line = ''] = stdout.split('\n')
    const end = JSON.parse(line) as { sign_in: SignIn; account: Account }
    expect(end).toMatchObject({
      sign_in: { id: started.id, state: 'done' },
      account: { label: 'edsger', state: 'connected' },
    })
    expect(stdout.split('\n')).toHaveLength(3)
    expect(code).toBe(0)
  })

  it('takes the address the browser was sent to, on stdin', async () => {
    const linking = startCli(daemon.paths.home, linkArgs('--label', 'barbara', '--redirect', 'paste', '--no-browser'))
    const text = follow(linking)
    const result = collect(linking)
    const url = await until(() => /^(http\S+)\n/u.exec(text.out())?.[1])
    linking.stdin?.end(`\n${await visit(url, { login: 'barbara' })}\n`)
    const { code, stdout, stderr } = await result
    expect(stderr).toContain('paste the address')
    expect(stdout.split('\n')[1]).toMatch(/^barbara {2}/u)
    expect(code).toBe(0)
  })

  it('refuses a pasted address that is no answer, and leaves no sign-in behind', async () => {
    const { code, stderr } = await daemon.cli(linkArgs('--redirect', 'paste', '--no-browser'), {
      input: 'https://example.com/?code=x\n',
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^valetkey: .+$/mu)
    expect(await waitingSignIns()).toEqual([])
  })

  it('is given up when stdin ends without an address', async () => {
    const { code, stderr } = await daemon.cli(linkArgs('--redirect', 'paste', '--no-browser'))
    expect(code).toBe(2)
    expect(stderr).toContain('No address was pasted')
    expect(await waitingSignIns()).toEqual([])
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('is cancelled by %s', async (signal, status) => {
    const linking = startCli(daemon.paths.home, linkArgs('--no-browser'))
    const text = follow(linking)
    const result = collect(linking)
    await until(() => (text.err().includes('Ctrl-C cancels') ? true : undefined))
    expect(await waitingSignIns()).toHaveLength(1)
    linking.kill(signal)
    const { code, stderr } = await result
    expect(code).toBe(status)
    expect(stderr).toContain('cancelled')
    expect(await waitingSignIns()).toEqual([])
  })

  it('takes a client secret from stdin and from nowhere else', async () => {
    const { confidential } = provider
    const args = [
      ...['link', 'generic-oidc', '--param', `issuer=${provider.issuer}`, '--client-id', confidential.client_id],
      ...['--client-secret-stdin', '--label', 'margaret', '--no-browser'],
    ]
    const linking = startCli(daemon.paths.home, args)
    const text = follow(linking)
    const result = collect(linking)
    linking.stdin?.end(`${confidential.client_secret}\n`)
    const url = await until(() => /^(http\S+)\n/u.exec(text.out())?.[1])
    await fetch(await visit(url, { login: 'margaret' }))
    const { code, stdout, stderr } = await result
    expect(code).toBe(0)
    expect(stdout + stderr).not.toContain(confidential.client_secret)
    expect((await daemon.cli([...args.slice(0, 6), '--client-secret', 'x'])).code).toBe(2)
  })

  it.each([
    [['link', 'no-such-provider', '--no-browser'], 8],
    [['link', 'generic-oidc', '--no-browser'], 2],
    [['link', 'generic-oidc', '--param', 'issuer', '--no-browser'], 2],
    [['link', 'generic-oidc', '--redirect', 'carrier-pigeon'], 2],
    [['link', 'generic-oidc', '--client-secret-stdin', '--no-browser'], 2],
    [['link'], 2],
  ])('says what is wrong with %j', async (args, status) => {
    const { code, stdout, stderr } = await daemon.cli(args)
    expect(code).toBe(status)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^valetkey: \S.*\.$/mu)
  })
})

describe('accounts', () => {
  it('are listed for the command line, and unlinked with what became of their tokens', async () => {
    const { stdout } = await daemon.cli(['accounts', '--json'])
    const { accounts } = JSON.parse(stdout) as { accounts: { id: string; label: string; rights: string[] }[] }
    const ada = accounts.find(({ label }) => label === 'ada')
    expect(ada?.rights).toContain('read')
    const table = (await daemon.cli(['accounts'])).stdout.split('\n')
    expect(table[0]).toMatch(/^LABEL +PROVIDER +STATE/u)
    expect(table.find((line) => line.startsWith('ada '))).toContain(ada?.id)
    expect((await daemon.cli(['accounts', '--all'])).stdout).toContain(ada?.id)

    const token = (await daemon.cli(['token', 'ada'])).stdout.trim()
    expect(await provider.isActive(token)).toBe(true)
    const unlinked = await daemon.cli(['unlink', 'ada'])
    expect(unlinked).toMatchObject({ code: 0, stdout: '' })
    expect(unlinked.stderr).toContain('revoked at the provider')
    expect((await daemon.cli(['token', 'ada'])).code).toBe(8)
    const kept = await daemon.cli(['unlink', 'grace', '--keep-remote', '--json'])
    expect(JSON.parse(kept.stdout)).toMatchObject({ remote: 'kept' })
  })
})
