/**
 * What an authorization server may answer (rows P1 to P8 and P10; P11 is in
 * provider-discovery.test.ts), over real sockets. The rule under test: no answer but
 * the provider's own `invalid_grant` is final, a good token is never lost, and nothing secret is repeated to anybody. What
 * the broker does with these outcomes (P6, P8, P9: re-reading, recovery, restarts) is tested with the broker.
 */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Connection, RefreshOutcome, TokenVariant } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import { everythingVisible, realServers, signedIn } from '../fakes/real-servers.ts'
import {
  replyCut,
  replyJson,
  replyPadded,
  replyPortal,
  replyRaw,
  replyReset,
  replyWith,
  startTokenServer,
  type Reply,
  type TokenServer,
} from '../fakes/token-server.ts'

let server: TokenServer
let other: TokenServer
const servers = realServers()
const secrets = new Set<string>()

beforeAll(async () => {
  server = await startTokenServer()
  other = await startTokenServer()
})
afterAll(async () => {
  await server.stop()
  await other.stop()
})

interface Tried {
  readonly outcome: RefreshOutcome
  /** The refresh token that was sent. */
  readonly sent: string
  /** How many token requests it took. */
  readonly requests: number
}

/** A fresh grant, refreshed once while the server gives these replies; whatever comes of it holds no secret in sight. */
async function refreshed(
  replies: readonly Reply[],
  variant: TokenVariant = {},
  connection: Partial<Connection> = {},
): Promise<Tried> {
  const sent = server.issue().refresh_token
  secrets.add(sent)
  const before = server.requests.length
  server.reply(...replies)
  const outcome = await servers.refresh(server.connection(connection), new Secret(sent), variant)
  if (outcome.kind === 'refreshed') {
    secrets.add(outcome.access.value.reveal())
    if (outcome.refresh_token) secrets.add(outcome.refresh_token.reveal())
  }
  expectNoSecret(outcome)
  return { outcome, sent, requests: server.requests.length - before }
}

function expectNoSecret(value: unknown): void {
  const visible = everythingVisible(value)
  for (const secret of secrets) expect(visible).not.toContain(secret)
}

describe('P1: not a token answer', () => {
  it.each<readonly [string, Reply, RefreshOutcome['kind']]>([
    ['a captive portal', replyPortal, 'offline'],
    ['204', replyRaw(204, ''), 'transient'],
    ['an empty 200', replyRaw(200, ''), 'transient'],
    [
      'truncated JSON, whole on the wire',
      replyRaw(200, '{"access_token":"abc', { 'content-type': 'application/json' }),
      'ambiguous',
    ],
    ['an answer cut off on the wire', replyCut, 'ambiguous'],
    ['a gzip bomb', replyPadded(50_000_000, 'gzip'), 'transient'],
    ['50 MB', replyPadded(50_000_000), 'transient'],
    [
      'bytes that are not UTF-8',
      replyRaw(200, Buffer.from([0xff, 0xfe, 0x00]), { 'content-type': 'application/json' }),
      'ambiguous',
    ],
    ['JSON that is no object', replyJson(200, ['x']), 'transient'],
    [
      '200 000 levels of nothing',
      replyRaw(200, '['.repeat(60_000), { 'content-type': 'application/json' }),
      'ambiguous',
    ],
  ])('P1: %s: nothing is final, one request', async (_, reply, kind) => {
    const { outcome, requests } = await refreshed([reply])
    expect(outcome.kind).toBe(kind)
    expect(requests).toBe(1)
  })

  it('P1: the provider is gone', async () => {
    const gone = await startTokenServer()
    const connection = gone.connection()
    await gone.stop()
    expect((await servers.refresh(connection, new Secret('rt'), {})).kind).toBe('offline')
  })
})

describe('P2: expires_in', () => {
  it.each<readonly [unknown, number | null]>([
    ['3600', 3600],
    [3599.9, 3599],
    [2_592_000, 2_592_000],
    [0, 60],
    [-1, 60],
    ['NaN', 60],
    [undefined, null],
    [null, null],
  ])('P2: %j is %j seconds', async (expires_in, seconds) => {
    const { outcome } = await refreshed([replyWith({ expires_in })])
    if (outcome.kind !== 'refreshed') throw new Error(outcome.kind)
    const { expires_at, obtained_at } = outcome.access
    expect(expires_at === null ? null : expires_at - obtained_at).toBe(seconds)
  })

  it('P2: Infinity, as 1e309 on the wire, is a year', async () => {
    const { outcome } = await refreshed([
      replyRaw(200, '{"access_token":"abc","token_type":"bearer","expires_in":1e309}'),
    ])
    if (outcome.kind !== 'refreshed') throw new Error(outcome.kind)
    expect((outcome.access.expires_at ?? 0) - outcome.access.obtained_at).toBe(31_536_000)
  })
})

describe('P3: refresh_token', () => {
  it('P3: absent: success, keep the old one, nothing to say', async () => {
    const { outcome } = await refreshed([replyWith({ refresh_token: undefined })])
    expect(outcome).toMatchObject({ kind: 'refreshed', refresh_token: null })
    expect(outcome).not.toHaveProperty('alarm')
  })

  it.each<readonly [string, unknown]>([
    ['empty', ''],
    ['null', null],
    ['a number', 42],
    ['a list', ['rt']],
    ['64 kB', 'x'.repeat(64_000)],
    ['with NUL', 'r\u0000t'],
  ])('P3: %s: success, keep the old one, and say so', async (_, refresh_token) => {
    const before = servers.logged.length
    const { outcome } = await refreshed([replyWith({ refresh_token })])
    expect(outcome).toMatchObject({
      kind: 'refreshed',
      refresh_token: null,
      alarm: expect.stringContaining('the old one is kept') as string,
    })
    expect(servers.logged.slice(before).join()).toContain('refresh.malformed')
  })
})

describe('P4: token_type', () => {
  it.each([undefined, null, '', 'bearer', 'BEARER', ' Bearer '])('P4: %j is Bearer', async (token_type) => {
    const { outcome, sent } = await refreshed([replyWith({ token_type })])
    expect(outcome).toMatchObject({ kind: 'refreshed', access: { token_type: 'Bearer' } })
    expect(server.isActive(sent)).toBe(false)
  })

  it.each(['DPoP', 'mac', 'N_A', 'bearer x'])('P4: %j is not used', async (token_type) => {
    const { outcome } = await refreshed([replyWith({ token_type })])
    expect(outcome.kind).toBe('client-configuration')
  })
})

describe('P5: redirects', () => {
  it.each([301, 302, 303, 307, 308])(
    'P5: %i to another host: refused, no second request, nothing arrives there',
    async (status) => {
      const before = [other.requests.length, other.strays.length]
      const location = `${other.issuer}/token`
      const { outcome, requests } = await refreshed([replyWith({}, status, { location })])
      expect(outcome.kind).toBe('transient')
      expect(outcome).toHaveProperty('detail', expect.stringContaining('redirects'))
      expect(requests).toBe(1)
      expect([other.requests.length, other.strays.length]).toEqual(before)
    },
  )
})

describe('P6: invalid_grant', () => {
  it('P6: of a refresh token that somebody else has used: final, said once, in one request', async () => {
    const { refresh_token } = server.issue()
    const first = await servers.refresh(server.connection(), new Secret(refresh_token), {})
    expect(first.kind).toBe('refreshed')
    const before = server.requests.length
    const second = await servers.refresh(server.connection(), new Secret(refresh_token), {})
    expect(second).toEqual({ kind: 'final', detail: 'The provider answered "invalid_grant".' })
    expect(server.requests.length).toBe(before + 1)
  })

  it.each<readonly [string, Reply]>([
    ['inside HTTP 200', replyJson(200, { error: 'invalid_grant' })],
    ['as text/html', replyRaw(400, '{"error":"invalid_grant"}', { 'content-type': 'text/html' })],
    ['behind a challenge', replyJson(401, { error: 'invalid_grant' }, { 'www-authenticate': 'Bearer realm="api"' })],
    ['form-encoded', replyRaw(400, 'error=invalid_grant', { 'content-type': 'application/x-www-form-urlencoded' })],
    ['with a null description', replyJson(400, { error: 'invalid_grant', error_description: null })],
  ])('P6: %s is found', async (_, reply) => {
    expect((await refreshed([reply])).outcome.kind).toBe('final')
  })

  it.each<readonly [string, Reply]>([
    ['under a 500', replyJson(500, { error: 'invalid_grant' })],
    ['under a 503', replyJson(503, { error: 'invalid_grant' })],
    ['under a 429', replyJson(429, { error: 'invalid_grant' })],
    ['in the text of a page', replyRaw(400, '<html>invalid_grant</html>', { 'content-type': 'text/html' })],
    ['as a description', replyJson(400, { error: 'server_error', error_description: 'invalid_grant' })],
    ['in a member of another name', replyJson(400, { error_code: 'invalid_grant' })],
  ])('P6: %s is not believed', async (_, reply) => {
    expect((await refreshed([reply])).outcome.kind).not.toBe('final')
  })

  it('P6: a refused scope is left out once, and only once', async () => {
    const refusal = replyJson(400, { error: 'invalid_scope' })
    const helped = await refreshed([refusal], { scope: 'a b' })
    expect(helped).toMatchObject({ requests: 2, outcome: { kind: 'refreshed' } })
    expect(server.requests.slice(-2).map(({ form }) => form['scope'])).toEqual(['a b', undefined])
    expect(await refreshed([refusal, refusal], { scope: 'a b' })).toMatchObject({
      requests: 2,
      outcome: { kind: 'client-configuration' },
    })
    expect(await refreshed([refusal])).toMatchObject({ requests: 1, outcome: { kind: 'client-configuration' } })
  })

  it('P6: a token without a scope, after the wanted one was refused, is not taken for the wanted one', async () => {
    const refusal = replyJson(400, { error: 'invalid_scope' })
    const silent = replyJson(200, { access_token: 'at-whole', token_type: 'Bearer', expires_in: 60 })
    const dropped = await refreshed([refusal, silent], { scope: 'a' })
    expect(dropped.outcome).toMatchObject({ kind: 'refreshed', access: { scope: '' }, scope_dropped: true })
    const narrowed = await refreshed([silent], { scope: 'a' })
    expect(narrowed.outcome).toMatchObject({ kind: 'refreshed', access: { scope: 'a' } })
    expect(narrowed.outcome).not.toHaveProperty('scope_dropped')
  })

  it('P6: a wish that is refused says nothing about the account', async () => {
    for (const error of ['invalid_request', 'invalid_target', 'access_denied'])
      expect(await refreshed([replyJson(400, { error })], { resource: 'https://api.example' })).toMatchObject({
        requests: 1,
        outcome: { kind: 'request-refused' },
      })
  })

  it('P6: "please retry the request" is for the broker to retry', async () => {
    const reply = replyJson(400, {
      error: 'invalid_request',
      error_description: 'The request conflicted. Please retry the request.',
    })
    expect(await refreshed([reply])).toMatchObject({ requests: 1, outcome: { kind: 'transient' } })
  })
})

describe('P7: Retry-After', () => {
  it.each<readonly [string, string | undefined, number]>([
    ['seconds', '120', 120],
    ['negative', '-5', 1],
    ['zero', '0', 1],
    ['huge', '1000000000', 3600],
    ['a float that Date takes for a year', '1e9', 60],
    ['garbage', 'soon', 60],
    ['absent', undefined, 60],
    ['a date long gone', 'Thu, 01 Jan 1970 00:00:00 GMT', 1],
    ['a date far away', 'Fri, 01 Jan 2100 00:00:00 GMT', 3600],
  ])('P7: %s', async (_, value, seconds) => {
    const { outcome } = await refreshed([replyJson(429, {}, value === undefined ? {} : { 'retry-after': value })])
    expect(outcome).toMatchObject({ kind: 'throttled', retry_after: seconds })
  })

  it('P7: a date soon', async () => {
    const { outcome } = await refreshed([
      replyJson(503, {}, { 'retry-after': new Date(Date.now() + 100_000).toUTCString() }),
    ])
    if (outcome.kind !== 'throttled') throw new Error(outcome.kind)
    expect(outcome.retry_after).toBeGreaterThan(90)
    expect(outcome.retry_after).toBeLessThanOrEqual(101)
  })
})

describe('P8: the connection breaks after the request was read', () => {
  it.each(['before', 'after'] as const)(
    'P8: %s the server has acted: ambiguous, and not tried again from here',
    async (when) => {
      const { outcome, requests, sent } = await refreshed([replyReset(when)])
      expect(outcome.kind).toBe('ambiguous')
      expect(requests).toBe(1)
      expect(server.isActive(sent)).toBe(when === 'before')
    },
  )

  it('P8: with a grace period the same token works again', async () => {
    const graceful = await startTokenServer({ grace: 30 })
    const sent = new Secret(graceful.issue().refresh_token)
    graceful.reply(replyReset('after'))
    expect((await servers.refresh(graceful.connection(), sent, {})).kind).toBe('ambiguous')
    expect((await servers.refresh(graceful.connection(), sent, {})).kind).toBe('refreshed')
    await graceful.stop()
  })

  it('P8: without one the second attempt is final', async () => {
    const { outcome, sent } = await refreshed([replyReset('after')])
    expect(outcome.kind).toBe('ambiguous')
    expect((await servers.refresh(server.connection(), new Secret(sent), {})).kind).toBe('final')
  })
})

describe('P10: what a sign-in brings is reported as it is', () => {
  const signIn = async (...replies: readonly Reply[]): Promise<ReturnType<typeof signedIn>> => {
    const running = await servers.begin(server.issuer, { scope: 'read write' })
    server.reply(...replies)
    await fetch(running.authorization_url)
    const outcome = signedIn(await running.done)
    expect(everythingVisible(outcome)).not.toContain(outcome.material.access?.value.reveal())
    return outcome
  }

  it('P10: fewer scopes', async () => {
    const { scope, material } = await signIn(replyWith({ scope: 'read' }))
    expect([scope, material.access?.scope, material.connection.requested_scope]).toEqual(['read', 'read', 'read write'])
  })

  it('P10: no word about scopes means those that were asked for', async () => {
    expect((await signIn(replyWith({ scope: undefined }))).scope).toBe('read write')
  })

  it.each([undefined, null, '', 7])('P10: refresh_token %j means not renewable', async (refresh_token) => {
    expect((await signIn(replyWith({ refresh_token }))).material.refresh_token).toBeNull()
  })

  it.each<readonly [string, Reply, string]>([
    ['invalid_grant', replyJson(400, { error: 'invalid_grant', error_description: 'code expired' }), 'provider_error'],
    ['a token of another type', replyWith({ token_type: 'mac' }), 'provider_error'],
    ['a portal', replyPortal, 'temporarily_unavailable'],
    ['a reset', replyReset('after'), 'temporarily_unavailable'],
    ['503', replyJson(503, {}), 'temporarily_unavailable'],
  ])('P10: %s instead of tokens: refused, with a code and a sentence', async (_, reply, code) => {
    const running = await servers.begin(server.issuer, { scope: 'read' })
    server.reply(reply)
    await fetch(running.authorization_url)
    const outcome = await running.done
    expect(outcome).toMatchObject({
      kind: 'refused',
      error: { code, message: expect.stringMatching(/\.$/u) as string },
    })
    const visible = everythingVisible(outcome)
    const form = server.requests.at(-1)?.form ?? {}
    for (const name of ['code', 'code_verifier']) expect(visible).not.toContain(form[name])
  })
})

describe('what a provider says', () => {
  it.each(['error', 'error_description', 'suberror', 'token_type'])(
    'P1: a provider that repeats our secrets in %s teaches them to nobody',
    async (member) => {
      const repeated: Reply = ({ form, response }) => {
        const said = `you sent ${form.get('refresh_token') ?? ''}`
        const body =
          member === 'token_type' ? { access_token: 'x', token_type: said } : { error: 'invalid_grant', [member]: said }
        response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      }
      const { outcome } = await refreshed([repeated])
      expect(outcome.kind).not.toBe('refreshed')
    },
  )

  it('P1: a short client secret that comes back is struck out', async () => {
    const secret = randomBytes(6).toString('hex')
    const echo: Reply = ({ response }) => {
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: 'invalid_client', error_description: `bad ${secret}` }))
    }
    const { outcome } = await refreshed(
      [echo],
      {},
      { client_secret: new Secret(secret), token_endpoint_auth_method: 'client_secret_post' },
    )
    expect(outcome).toMatchObject({
      kind: 'client-configuration',
      detail: 'The provider answered "invalid_client": bad [secret].',
    })
  })

  it('P1: nothing secret has been logged by any of these tests', () => {
    expect(secrets.size).toBeGreaterThan(50)
    expectNoSecret(servers.logged.join('\n'))
  })
})
