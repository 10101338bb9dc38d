/**
 * The library's HTTP transport against the real daemon: proof before everything, the question in a line of its own. It
 * runs on Node's `fetch` here; in a browser it is driven by browser-extension.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, connect, type Pending, type ValetkeyError } from '../../clients/js/service-worker.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { type RunningDaemon, startDaemon, until } from '../setup/daemon.ts'
import { listen, questions } from '../setup/extension.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'
import { startSquatter } from '../unit/cli/stand-in-broker.ts'

let daemon: RunningDaemon
let provider: IdentityProvider
let token: string
let http: { readonly url: string; readonly publicKey: string }
let client: Client

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  daemon = await startDaemon({ args: ['--insecure-key-file', '--http'] })
  await linkAccount(daemon, provider, { login: 'ada' })
  token = await pairProgram(daemon, 'a program')
  http = { url: daemon.endpoint.url ?? '', publicKey: daemon.endpoint.public_key }
  client = connect({ http, clientToken: token })
})
afterAll(async () => {
  await daemon.stop()
  await provider.stop()
})

describe('over loopback HTTP', () => {
  it('pairs: tells the code, and gets the token when it was typed', async () => {
    const told = Promise.withResolvers<Pending>()
    const pairing = connect({ http }).pair({ name: 'an extension', kind: 'extension' }, { onPending: told.resolve })
    const { requestId, code } = await told.promise
    await approve(daemon, requestId, code, [])
    const { client_token } = await pairing
    expect(await connect({ http, clientToken: client_token }).accounts()).toEqual({ accounts: [] })
  })

  it('asks, waits, gets a token; refusals after the question are thrown as ever', async () => {
    const told = Promise.withResolvers<Pending>()
    const asking = client.getToken({ account: 'ada' }, { onPending: told.resolve })
    const { requestId } = await told.promise
    const [refused] = await Promise.allSettled([asking, daemon.cli(['deny', requestId])])
    expect(refused).toMatchObject({ reason: { name: 'ValetkeyError', code: 'access_denied', requestId } })
    const again = Promise.withResolvers<Pending>()
    // The broker lets a refused program wait some seconds before it may ask again.
    const granted = until(() =>
      client.getToken({ account: 'ada' }, { onPending: again.resolve }).catch((thrown: unknown) => {
        if ((thrown as ValetkeyError).code !== 'access_denied') throw thrown
        return undefined
      }),
    )
    const { requestId: second, code } = await again.promise
    await approve(daemon, second, code)
    expect((await granted).provider).toBe('generic-oidc')
    const { access_token } = await client.getToken({ account: 'ada', interaction: 'never' })
    expect(await provider.isActive(access_token)).toBe(true)
  })

  it('throws a plain refusal without a question', async () => {
    await expect(client.getToken({ account: 'nobody' })).rejects.toMatchObject({
      code: 'not_found',
      resolve: { command: 'valetkey accounts' },
    })
    await expect(connect({ http, clientToken: 'wrong' }).status()).rejects.toMatchObject({ code: 'invalid_client' })
  })

  it('withdraws the question when the caller gives up', async () => {
    const abort = new AbortController()
    const asking = connect({ http }).pair(
      { name: 'impatient', kind: 'extension' },
      {
        signal: abort.signal,
        onPending: () => {
          abort.abort()
        },
      },
    )
    await expect(asking).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }) as Error)
    await expect.poll(() => questions(daemon)).toEqual([])
  })

  it('S9: sends a squatter a challenge and nothing else', async () => {
    const hello = '{"public_key":"x","signature":"y"}'
    const squatter = await startSquatter(
      { port: 0, host: '127.0.0.1' },
      `HTTP/1.1 200 OK\r\nContent-Length: ${String(hello.length)}\r\n\r\n${hello}`,
    )
    const url = `http://127.0.0.1:${String(squatter.port)}`
    const fooled = connect({ http: { ...http, url }, clientToken: token })
    await expect(fooled.getToken({ account: 'my-account' })).rejects.toMatchObject({ code: 'not_running' })
    await expect(fooled.pair({ name: 'x', kind: 'extension' })).rejects.toMatchObject({ code: 'not_running' })
    expect(squatter.captured()).toMatch(/^GET \/v1\/hello\?nonce=[\w-]{72} HTTP/u)
    expect(squatter.captured()).not.toMatch(/authorization|POST|my-account/iu)
    expect(squatter.captured()).not.toContain(token)
    await squatter.close()
  })

  it('S9: does not take the real broker’s proof for another address, or by another key', async () => {
    const wrong = connect({ http: { ...http, publicKey: 'A'.repeat(43) }, clientToken: token })
    await expect(wrong.status()).rejects.toMatchObject({
      code: 'not_running',
      resolve: { command: 'valetkey daemon --http' },
    })
    // A relay to the real one, on a port of its own: what is signed names the other.
    const asked: string[] = []
    const relay = await listen((request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers.authorization ?? ''}`)
      void fetch(`${http.url}${request.url ?? ''}`).then(async (answer) => response.end(await answer.text()))
    })
    const elsewhere = connect({ http: { ...http, url: relay.origin }, clientToken: token })
    await expect(elsewhere.status()).rejects.toMatchObject({ code: 'not_running' })
    expect(asked).toEqual([expect.stringMatching(/^GET \/v1\/hello\?nonce=[\w-]{72} $/u)])
    await relay.stop()
  })

  it.each(['http://localhost:1', 'http://127.0.0.1', 'https://127.0.0.1:1', 'http://127.0.0.1:1@evil.example'])(
    'goes nowhere but to this machine: not to %s',
    (url) => {
      expect(() => connect({ http: { ...http, url } })).toThrow('127.0.0.1:PORT')
    },
  )
})
