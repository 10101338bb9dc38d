/** Polling on another device (RFC 8628 section 3.5), by a clock that is moved by hand: how often, how long, and what ends it. */
import { describe, expect, it } from 'vitest'
import type { RunningSignIn } from '../../../main/broker/ports.ts'
import { createAuthorizationServers } from '../../../main/oauth/authorization-servers.ts'
import type { Http, HttpAnswer } from '../../../main/oauth/http.ts'
import type { ProviderDefinition } from '../../../main/providers/provider.ts'
import { ManualClock, settled } from '../../fakes/broker-ports.ts'

const definition: ProviderDefinition = {
  schema_version: 1,
  id: 'tv',
  display_name: 'TV',
  discovery: { type: 'none' },
  server: { token_endpoint: 'https://op.example/token', device_authorization_endpoint: 'https://op.example/device' },
  client: { token_endpoint_auth_method: 'none' },
  grants: { 'urn:ietf:params:oauth:grant-type:device_code': {}, refresh_token: {} },
  resource: {
    base_urls: ['https://api.example/'],
    authorization: { in: 'header', name: 'Authorization', template: 'Bearer ${access_token}' },
  },
}
const json = (status: number, body: object): HttpAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const pending = json(400, { error: 'authorization_pending' })
const page: HttpAnswer = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<html>Sign in to the hotel</html>',
}

interface Play {
  readonly clock: ManualClock
  readonly running: RunningSignIn
  /** Token requests so far. */
  readonly asked: () => number
  /** Lets seconds pass, one after the other. */
  readonly pass: (seconds: number) => Promise<void>
}

/** A device flow whose token requests are answered one by one, and by the last answer from then on. */
async function play(device: object, ...answers: readonly HttpAnswer[]): Promise<Play> {
  const clock = new ManualClock()
  let asked = 0
  const http: Http = ({ url }) => {
    if (url.endsWith('/device'))
      return Promise.resolve(
        json(200, {
          device_code: 'dc',
          user_code: 'AB-CD',
          verification_uri: 'https://op.example/go',
          expires_in: 600,
          ...device,
        }),
      )
    return Promise.resolve(answers[Math.min(asked++, answers.length - 1)] ?? pending)
  }
  const servers = createAuthorizationServers({
    providers: { list: () => Promise.resolve([definition]), find: () => Promise.resolve(definition) },
    ...{ log: () => undefined, clock, version: '0', http, resolve: () => Promise.resolve([]) },
  })
  const running = await servers.startSignIn({ provider: 'tv', client_id: 'c', params: {}, timeout: 300_000 })
  return {
    ...{ clock, running },
    asked: () => asked,
    pass: async (seconds) => {
      for (let second = 0; second < seconds; second++) {
        await clock.pass(1000)
        await settled()
      }
    },
  }
}

describe('a sign-in on another device', () => {
  it('shows where to go and what to enter, asks as often as it was told, and brings the account', async () => {
    const done = json(200, { access_token: 'at', token_type: 'bearer', refresh_token: 'rt', expires_in: 60 })
    const { running, asked, pass } = await play({ interval: 7 }, pending, json(400, { error: 'slow_down' }), done)
    expect(running).toMatchObject({ flow: 'device', user_code: 'AB-CD', authorization_url: 'https://op.example/go' })
    await pass(6)
    expect(asked()).toBe(0)
    await pass(8)
    expect(asked()).toBe(2)
    // Slower by five seconds from here on.
    await pass(11)
    expect(asked()).toBe(2)
    await pass(1)
    expect(await running.done).toMatchObject({ kind: 'signed-in', material: { connection: { flow: 'device' } } })
  })

  it('does not ask more often than once a second, whatever the provider says', async () => {
    const { running, asked, pass } = await play({ interval: 0.001 }, pending)
    await pass(10)
    expect(asked()).toBeLessThanOrEqual(10)
    running.cancel()
  })

  it('ends with its code, however long the provider wants it to wait', async () => {
    const { running, pass } = await play({ interval: 86_400, expires_in: 30 }, pending)
    await pass(31)
    expect(await running.done).toEqual({ kind: 'expired' })
  })

  it('is not ended by a network’s page or by too many requests, and asks less often then', async () => {
    const { running, asked, pass } = await play({ interval: 1 }, page, json(429, {}), pending)
    await pass(1)
    expect(asked()).toBe(1)
    await pass(2)
    expect(asked()).toBe(2)
    await pass(4)
    expect(asked()).toBe(3)
    running.cancel()
    expect(await running.done).toEqual({ kind: 'cancelled' })
  })

  it.each([
    [{ error: 'access_denied' }, { kind: 'refused', error: { code: 'access_denied' } }],
    [{ error: 'expired_token' }, { kind: 'expired' }],
    [{ error: 'invalid_client' }, { kind: 'refused', error: { code: 'provider_error' } }],
  ])('ends when the provider says %o', async (body, outcome) => {
    const { running, pass } = await play({ interval: 1 }, json(400, body))
    await pass(2)
    expect(await running.done).toMatchObject(outcome)
  })
})
