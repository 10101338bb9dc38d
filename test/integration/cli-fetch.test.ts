/** `valetkey fetch`: what it sends, what it prints, and how it ends, with the real daemon and an API behind it. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApi, type ApiServer } from '../fakes/api-server.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, startCli, startDaemon, type CommandResult, type RunningDaemon } from '../setup/daemon.ts'
import { linkAccount } from '../setup/link.ts'

let provider: IdentityProvider
let api: ApiServer
let daemon: RunningDaemon

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  api = await startApi((authorization) => provider.isActive(authorization.replace(/^Bearer /u, '')))
  daemon = await startDaemon()
  await linkAccount(daemon, provider, {
    login: 'ada',
    label: 'work mail',
    args: ['--param', `api_base=${api.origin}/v1/`],
  })
})

afterAll(async () => {
  await daemon.stop()
  await api.stop()
  await provider.stop()
})

const last = (): ApiServer['requests'][number] => {
  const seen = api.requests.at(-1)
  if (!seen) throw new Error('the API was not asked')
  return seen
}

describe('valetkey fetch', () => {
  const run = (...args: string[]): Promise<CommandResult> => daemon.cli(['fetch', ...args])

  it('prints what the API answers, whatever it is', async () => {
    const { code, stdout, stderr } = await run('work mail', '/users?a=1', '-H', 'X-Own: yes')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ method: 'GET', url: '/v1/users?a=1', headers: { 'x-own': 'yes' } })
    api.serve('/v1/teapot', (_request, response) => response.writeHead(418).end('short and stout'))
    expect(await run('work mail', 'teapot')).toEqual({ code: 0, stdout: 'short and stout', stderr: '' })
    expect(await run('work mail', `${api.origin}/v1/teapot#part`)).toMatchObject({ code: 0, stdout: 'short and stout' })
    const failed = await run('work mail', 'teapot', '--fail')
    expect(failed).toEqual({ code: 7, stdout: '', stderr: 'valetkey: The API answered 418.\nrun: valetkey activity\n' })
  })

  it('prints the head', async () => {
    const { stdout } = await run('work mail', 'me', '--include')
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\n(?:.+\n)*x-api: yes\n(?:.+\n)*\n\{/u)
    expect((await run('work mail', 'me', '-I')).stdout).toMatch(/^HTTP\/1\.1 200 OK\n(?:.+\n)+\n$/u)
    expect(last().method).toBe('HEAD')
  })

  it('sends forms, JSON, files and its input', async () => {
    const bodyOf = (): string => last().body.toString()
    await run('work mail', 'x', '-d', 'a=1', '--data', 'b=2')
    expect([last().method, last().headers['content-type'], bodyOf()]).toEqual([
      ...['POST', 'application/x-www-form-urlencoded', 'a=1&b=2'],
    ])
    await run('work mail', 'x', '-X', 'PUT', '--json-body', '{"a":1}')
    expect([last().method, last().headers['content-type'], bodyOf()]).toEqual(['PUT', 'application/json', '{"a":1}'])
    const file = join(daemon.paths.home, 'form')
    writeFileSync(file, 'c=3\n')
    await run('work mail', 'x', '-d', `@${file}`, '-d', 'd=4')
    expect(bodyOf()).toBe('c=3&d=4')
    await run('work mail', 'x', '--data-binary', `@${file}`)
    expect([bodyOf(), last().headers['content-length']]).toEqual(['c=3\n', '4'])
    const bytes = randomBytes(2_000_000)
    const streaming = startCli(daemon.paths.home, [
      'fetch',
      'work mail',
      'x',
      '--data-binary',
      '@-',
      '-o',
      `${file}.out`,
    ])
    streaming.stdin?.end(bytes)
    expect(await collect(streaming)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(createHash('sha256').update(last().body).digest('hex')).toBe(
      createHash('sha256').update(bytes).digest('hex'),
    )
    expect(JSON.parse(readFileSync(`${file}.out`, 'utf8'))).toMatchObject({ method: 'POST' })
  })

  it('ends with the status of what the broker says', async () => {
    for (const [args, exit, says] of [
      [['nobody', 'x'], 8, 'There is no such account.'],
      [['work mail', 'https://evil.example/x'], 6, 'and nowhere else'],
      [['work mail', '../x'], 2, 'dot segments'],
      [['work mail', 'a b'], 2, 'percent-encoded'],
      [['work mail', 'x', '-H', 'Authorization: Bearer x'], 2, 'Leave Authorization out'],
      [['work mail', 'x', '-d', 'a', '--json-body', 'b'], 2, 'Choose one'],
      [['work mail', 'x', '-d', '@/nowhere'], 2, 'Cannot read /nowhere'],
      [['work mail', 'x', '-o', '/nowhere/x'], 2, 'Cannot write'],
      [['work mail', 'x', '--timeout', 'soon'], 2, 'timeout'],
    ] as const) {
      const { code, stdout, stderr } = await run(...args)
      expect([code, stdout], stderr).toEqual([exit, ''])
      expect(stderr).toContain(says)
    }
    const json = await run('nobody', 'x', '--json')
    expect(JSON.parse(json.stderr)).toMatchObject({ error: 'not_found' })
  })
})
