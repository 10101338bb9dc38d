/**
 * What may arrive on a redirect URI (rows C1 to C6). Only the one true answer, once, has an effect; the server counts what
 * reaches its token endpoint. C9, the listener itself, is in loopback-listener.test.ts; the rows about a custom scheme and
 * a second instance (C7, C8) belong to the desktop.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RunningSignIn, SignInPlan } from '../../main/broker/ports.ts'
import { answerOf, changedParams, hit, redirectUri } from '../fakes/redirects.ts'
import { everythingVisible, realServers } from '../fakes/real-servers.ts'
import { startTokenServer, type TokenServer } from '../fakes/token-server.ts'

let server: TokenServer
const servers = realServers()
const running: RunningSignIn[] = []

beforeAll(async () => {
  server = await startTokenServer()
})
afterEach(() => {
  for (const one of running.splice(0)) one.cancel()
  server.authorize({})
  server.metadata({})
})
afterAll(async () => {
  await server.stop()
})

async function begin(plan: Partial<SignInPlan> = {}): Promise<RunningSignIn> {
  const one = await servers.begin(server.issuer, { scope: 'api', ...plan })
  running.push(one)
  return one
}

/** The sign-in still waits, nothing has been sent, and the true answer still works. */
async function expectUnimpressed(one: RunningSignIn, before: number): Promise<void> {
  expect(server.requests.length).toBe(before)
  expect(await hit(await answerOf(one))).toBe(200)
  expect((await one.done).kind).toBe('signed-in')
}

describe('C1: state', () => {
  it.each([
    ['missing', { state: undefined }],
    ['empty', { state: '' }],
    ['unknown', { state: 'x'.repeat(43) }],
  ])('C1: %s: dropped', async (_, params) => {
    const one = await begin()
    const before = server.requests.length
    expect(await hit(changedParams(await answerOf(one), params))).toBe(400)
    await expectUnimpressed(one, before)
  })

  it('C1: in another case: dropped', async () => {
    const one = await begin()
    const before = server.requests.length
    const answer = await answerOf(one)
    const state = answer.searchParams.get('state') ?? ''
    const other = Array.from(state, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('')
    expect(await hit(changedParams(answer, { state: other }))).toBe(400)
    await expectUnimpressed(one, before)
  })

  it('C1: of another sign-in under way: dropped, by the listener and when pasted', async () => {
    const one = await begin()
    const other = await begin()
    const before = server.requests.length
    const foreign = (await answerOf(other)).search
    const url = redirectUri(one)
    url.search = foreign
    expect(await hit(url)).toBe(400)
    await expect(one.submit((await answerOf(other)).href)).rejects.toMatchObject({ code: 'invalid_request' })
    await expectUnimpressed(one, before)
    await expectUnimpressed(other, before + 1)
  })

  it('C1: used once before: nobody listens, nothing is redeemed', async () => {
    const one = await begin()
    const answer = await answerOf(one)
    expect(await hit(answer)).toBe(200)
    await one.done
    const before = server.requests.length
    expect(await hit(answer)).toBe('ECONNREFUSED')
    await expect(one.submit(answer.href)).rejects.toMatchObject({ code: 'invalid_request' })
    expect(server.requests.length).toBe(before)
  })

  it('C1: after the time is up: nobody listens, nothing is redeemed', async () => {
    const one = await begin({ timeout: 30 })
    const answer = await answerOf(one)
    expect((await one.done).kind).toBe('expired')
    const before = server.requests.length
    expect(await hit(answer)).toBe('ECONNREFUSED')
    await expect(one.submit(answer.href)).rejects.toMatchObject({ code: 'invalid_request' })
    expect(server.requests.length).toBe(before)
  })

  it('C1: a thousand guesses change nothing', async () => {
    const one = await begin()
    const before = server.requests.length
    const url = changedParams(await answerOf(one), {})
    for (let i = 0; i < 1000; i += 50)
      await Promise.all(
        Array.from({ length: 50 }, async (_, j) => {
          expect(await hit(changedParams(url, { state: `${String(i + j)}guess` }))).toBe(400)
        }),
      )
    await expectUnimpressed(one, before)
  })
})

describe('C2: a parameter twice', () => {
  it.each(['code', 'iss', 'error'])('C2: two %s: refused, nothing is redeemed', async (name) => {
    const one = await begin()
    const before = server.requests.length
    const answer = await answerOf(one)
    answer.searchParams.append(name, answer.searchParams.get(name) ?? 'a')
    if (name === 'error') answer.searchParams.append(name, 'b')
    expect(await hit(answer)).toBe(200)
    expect(await one.done).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
    expect(server.requests.length).toBe(before)
  })

  it.each([true, false])('C2: two states, the good one first: %s: dropped', async (first) => {
    const one = await begin()
    const before = server.requests.length
    const answer = await answerOf(one)
    const state = answer.searchParams.get('state') ?? ''
    answer.searchParams.delete('state')
    for (const value of first ? [state, 'x'] : ['x', state]) answer.searchParams.append('state', value)
    expect(await hit(answer)).toBe(400)
    await expectUnimpressed(one, before)
  })
})

describe('C3: only the exact redirect URL, also when pasted', () => {
  it.each<readonly [string, (url: URL) => string]>([
    ['another scheme', (url) => url.href.replace('http:', 'https:')],
    ['upper case', (url) => url.href.replace('http:', 'HTTP:')],
    ['the name instead of the address', (url) => url.href.replace('127.0.0.1', 'localhost')],
    ['the address written otherwise', (url) => url.href.replace('127.0.0.1', '127.1')],
    ['another port', (url) => url.href.replace(`:${url.port}`, ':1')],
    ['no port', (url) => url.href.replace(`:${url.port}`, '')],
    ['dots in the path', (url) => url.href.replace('/callback/', '/callback/../callback/')],
    ['an escaped path', (url) => url.href.replace('/callback/', '/%63allback/')],
    ['two slashes', (url) => url.href.replace('/callback/', '//callback/')],
    ['a final slash', (url) => url.href.replace('?', '/?')],
    ['another provider', (url) => url.href.replace('generic-oidc', 'github')],
    ['a user name', (url) => url.href.replace('127.0.0.1', 'x@127.0.0.1')],
    ['a longer host', (url) => url.href.replace(url.host, `${url.host}.example.com`)],
    ['the query only', (url) => url.search],
    ['the code only', (url) => url.searchParams.get('code') ?? ''],
    ['nothing', () => ''],
    ['the authorization URL', () => 'http://127.0.0.1:1/authorize'],
    ['a line break inside', (url) => url.href.replace('/callback/', '/call\nback/')],
  ])('C3: %s: dropped', async (_, change) => {
    const one = await begin({ redirect: 'paste' })
    const before = server.requests.length
    const answer = await answerOf(one)
    await expect(one.submit(change(answer))).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('Paste the whole address') as string,
    })
    expect(server.requests.length).toBe(before)
    await one.submit(`  ${answer.href}\r\n`)
    expect((await one.done).kind).toBe('signed-in')
  })
})

describe('C4: answers of flows we never start', () => {
  it('C4: a code in the fragment is no answer', async () => {
    const one = await begin({ redirect: 'paste' })
    const before = server.requests.length
    const answer = await answerOf(one)
    await expect(one.submit(answer.href.replace('?', '#'))).rejects.toMatchObject({ code: 'invalid_request' })
    expect(server.requests.length).toBe(before)
  })

  it.each(['access_token', 'id_token', 'refresh_token', 'token', 'response'])(
    'C4: %s in the query: refused, not stored',
    async (name) => {
      const one = await begin()
      const before = server.requests.length
      expect(await hit(changedParams(await answerOf(one), { [name]: 'CANARY-IN-THE-URL' }))).toBe(200)
      const outcome = await one.done
      expect(outcome).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
      expect(everythingVisible(outcome)).not.toContain('CANARY')
      expect(server.requests.length).toBe(before)
    },
  )

  it('C4: access_token in the fragment of a pasted URL: refused, not stored', async () => {
    const one = await begin({ redirect: 'paste' })
    const before = server.requests.length
    await one.submit(`${(await answerOf(one)).href}#access_token=CANARY-IN-THE-URL`)
    const outcome = await one.done
    expect(outcome.kind).toBe('refused')
    expect(everythingVisible(outcome)).not.toContain('CANARY')
    expect(server.requests.length).toBe(before)
  })
})

describe('C5: iss (RFC 9207)', () => {
  it.each<readonly [string, (issuer: string) => string | undefined]>([
    ['of somebody else', () => 'https://evil.example'],
    ['with a final slash', (issuer) => `${issuer}/`],
    ['in upper case', (issuer) => issuer.toUpperCase()],
    ['empty', () => ''],
    ['missing although promised', () => undefined],
  ])('C5: %s: refused, nothing is redeemed', async (_, iss) => {
    server.authorize({ iss: iss(server.issuer) })
    const one = await begin()
    const before = server.requests.length
    expect(await hit(await answerOf(one))).toBe(200)
    expect(await one.done).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
    expect(server.requests.length).toBe(before)
  })

  it('C5: missing where it was never promised: accepted', async () => {
    server.metadata({ authorization_response_iss_parameter_supported: undefined })
    server.authorize({ iss: undefined })
    const one = await begin()
    expect(await hit(await answerOf(one))).toBe(200)
    expect((await one.done).kind).toBe('signed-in')
  })

  it('C5: an error with the wrong iss is not believed either', async () => {
    server.authorize({ iss: 'https://evil.example', code: undefined, error: 'access_denied' })
    const one = await begin()
    expect(await hit(await answerOf(one))).toBe(200)
    expect(await one.done).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
  })
})

describe('C6: error and error_description', () => {
  it('C6: a hundred kilobytes of markup and escapes: one plain short sentence, and the sign-in ends', async () => {
    const error_description = `<script>alert(1)</script>\r\n\u001b[31m\u202e${'x '.repeat(50_000)}`
    const one = await begin()
    const answer = changedParams(await answerOf(one), { code: undefined, error: 'access_denied', error_description })
    const page = await (await fetch(answer)).text()
    expect(page).not.toContain('<script>alert')
    expect(page).toContain('&#60;script&#62;alert(1)')
    expect(page.length).toBeLessThan(2000)
    const outcome = await one.done
    if (outcome.kind !== 'refused') throw new Error(outcome.kind)
    expect(outcome.error.code).toBe('access_denied')
    expect(outcome.error.message.length).toBeLessThan(260)
    expect(outcome.error.message).not.toMatch(/\p{C}/u)
  })

  it('C6: an error code that is none', async () => {
    server.authorize({ code: undefined, error: `"><img src=x>\n${'e'.repeat(5000)}` })
    const one = await begin()
    await hit(await answerOf(one))
    const outcome = await one.done
    if (outcome.kind !== 'refused') throw new Error(outcome.kind)
    expect(outcome.error.code).toBe('provider_error')
    expect(outcome.error.message.length).toBeLessThan(160)
  })

  it.each([
    ['no code at all', { code: undefined }],
    ['an empty code', { code: '' }],
    ['a code with a line end', { code: 'a\nb' }],
  ])('C6: %s: the sign-in ends without a token request', async (_, params) => {
    server.authorize(params)
    const one = await begin()
    const before = server.requests.length
    await hit(await answerOf(one))
    expect((await one.done).kind).toBe('refused')
    expect(server.requests.length).toBe(before)
  })
})

describe('no secret is logged', () => {
  it('C1: not a code, a state or a verifier in any log line', () => {
    expect(servers.logged.length).toBeGreaterThan(0)
    const text = servers.logged.join('\n')
    for (const { form } of server.requests)
      for (const name of ['code', 'code_verifier']) expect(text).not.toContain(form[name])
  })
})
