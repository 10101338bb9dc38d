/**
 * What an ID token may say (OpenID Connect Core section 3.1.3.7; row P10 for what a refused one means). The rule under
 * test: an account is never taken from an ID token that was made for another sign-in, another client or by another issuer.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SignInOutcome } from '../../main/broker/ports.ts'
import { everythingVisible, realServers, signedIn } from '../fakes/real-servers.ts'
import { replyWith, startTokenServer, type TokenServer } from '../fakes/token-server.ts'

let server: TokenServer
const servers = realServers()

beforeAll(async () => {
  server = await startTokenServer()
})
afterAll(async () => {
  await server.stop()
})

/** In this flow the token comes straight from the provider over TLS, which stands for its signature (section 3.1.3.7 point 6). */
const idToken = (claims: Readonly<Record<string, unknown>>): string =>
  [{ alg: 'RS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.') + '.AAAA'

const now = (): number => Math.floor(Date.now() / 1000)

/** A sign-in whose ID token has these claims changed; `id_token` replaces it whole. */
async function signInWith(
  claims: Readonly<Record<string, unknown>>,
  members: Readonly<Record<string, unknown>> = {},
): Promise<SignInOutcome> {
  const running = await servers.begin(server.issuer, { scope: 'openid' })
  const nonce = new URL(running.authorization_url).searchParams.get('nonce')
  const standard = {
    iss: server.issuer,
    aud: 'valetkey',
    sub: 'alice',
    iat: now(),
    exp: now() + 300,
    nonce,
    email: 'alice@example.test',
  }
  server.reply(replyWith({ id_token: idToken({ ...standard, ...claims }), ...members }))
  await fetch(running.authorization_url)
  return running.done
}

describe('P10: an ID token that is not for this sign-in', () => {
  it.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['for another client', { aud: 'somebody-else' }],
    ['for two clients, with another as the authorized party', { aud: ['valetkey', 'x'], azp: 'x' }],
    ['with another nonce', { nonce: 'x'.repeat(43) }],
    ['without a nonce', { nonce: undefined }],
    ['without a subject', { sub: undefined }],
    ['long expired', { exp: 1_000_000 }],
    ['without an end', { exp: undefined }],
    ['not valid yet', { nbf: 4_000_000_000 }],
  ])('P10: %s: refused', async (_, claims) => {
    const outcome = await signInWith(claims)
    expect(outcome).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
    expect(everythingVisible(outcome)).not.toContain('eyJ')
  })

  it.each([undefined, null, '', 'garbage', 'a.b.c', 7])('P10: %j instead of one: refused', async (id_token) => {
    const outcome = await signInWith({}, { id_token })
    expect(outcome).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
  })

  it('P10: a clock that is four minutes off is forgiven', async () => {
    expect(signedIn(await signInWith({ iat: now() - 500, exp: now() - 240 })).identity.subject).toBe('alice')
  })

  it('P10: a name that plays tricks is made harmless', async () => {
    const { identity } = signedIn(
      await signInWith({ preferred_username: 'al\u202Eice\u001b[2J\n<b>', email: undefined }),
    )
    expect(identity).toMatchObject({ subject: 'alice', label: 'al ice [2J <b>' })
  })
})

describe('P10: an ID token nobody asked for', () => {
  it.each(['garbage', idToken({ iss: 'https://evil.example' })])(
    'P10: %s does not cost the sign-in, and says nothing',
    async (id_token) => {
      const running = await servers.begin(server.issuer, { scope: 'api' })
      server.reply(replyWith({ id_token }))
      await fetch(running.authorization_url)
      expect(signedIn(await running.done).identity).toEqual({ issuer: server.issuer })
    },
  )

  it('P10: a broken one does not cost a refresh', async () => {
    const { material } = signedIn(await signInWith({}))
    const sent = material.refresh_token
    if (!sent) throw new Error('no refresh token')
    server.reply(replyWith({ id_token: 'garbage' }))
    expect((await servers.refresh(material.connection, sent, {})).kind).toBe('refreshed')
  })
})
