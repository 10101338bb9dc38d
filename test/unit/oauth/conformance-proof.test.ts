/**
 * Definitions that want keys, played through: proofs of the account's (RFC 9449) and assertions of the client's (RFC 7523).
 * The last part shows that what stands before the emulated provider sees what is missing.
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { conform } from '../../../main/oauth/conformance/conform.ts'
import { emulate, type Emulator } from '../../../main/oauth/conformance/emulator.ts'
import { demandProof, newClientKey } from '../../../main/oauth/conformance/proof.ts'
import type { ProviderDefinition } from '../../../main/providers/provider.ts'
import { realClock } from '../../fakes/real-servers.ts'

const plain: ProviderDefinition = {
  schema_version: 1,
  id: 'made-up',
  display_name: 'Made up',
  discovery: { type: 'none' },
  server: {
    authorization_endpoint: 'https://op.example/authorize',
    token_endpoint: 'https://op.example/token',
    revocation_endpoint: 'https://op.example/revoke',
  },
  client: { token_endpoint_auth_method: 'none' },
  redirect: { methods: ['loopback'] },
  resource: {
    base_urls: ['https://api.example/'],
    authorization: { in: 'header', name: 'Authorization', template: 'Bearer ${access_token}' },
  },
  identity: { url: 'https://api.example/me', subject: '/id', label: '/name' },
}
const oidc = {
  discovery: { type: 'oidc' },
  server: { issuer: 'https://op.example' },
  scope: { default: ['openid'] },
} as const
const pushed = { ...plain.server, pushed_authorization_request_endpoint: 'https://op.example/par' }
const device = 'urn:ietf:params:oauth:grant-type:device_code'
const key = { token_endpoint_auth_method: 'private_key_jwt' } as const

describe('a provider', () => {
  it.each<readonly [string, Partial<ProviderDefinition>, number]>([
    ['that binds tokens', { dpop: 'required' }, 1],
    ['that may bind them', { dpop: 'supported' }, 1],
    ['that publishes that it binds them', { ...oidc, dpop: 'required' }, 2],
    ['that binds them and has requests pushed', { dpop: 'required', server: pushed }, 1],
    [
      'that binds them to a confidential client',
      { dpop: 'required', client: { token_endpoint_auth_method: 'client_secret_basic' } },
      1,
    ],
    ['that wants a client key', { client: key }, 0],
    ['that wants one and publishes its metadata', { ...oidc, client: key }, 0],
    [
      'that wants it for its token endpoint',
      { ...oidc, client: { ...key, client_assertion_audience: 'token_endpoint' } },
      0,
    ],
    [
      'that wants it in JSON',
      {
        client: key,
        grants: { authorization_code: { content_type: 'json' }, refresh_token: { content_type: 'json' } },
      },
      0,
    ],
    ['that wants it with a pushed request', { client: key, server: pushed }, 0],
    [
      'that wants both, on another device and for the client itself',
      {
        ...{ client: key, dpop: 'required' },
        server: { ...plain.server, device_authorization_endpoint: 'https://op.example/device' },
        grants: { [device]: {}, client_credentials: {}, refresh_token: {} },
      },
      2,
    ],
    ['for one resource', { resource: { ...plain.resource, indicator: 'https://api.example/' } }, 0],
    [
      'for one resource, on another device and for the client itself',
      {
        ...{ client: key, resource: { ...plain.resource, indicator: 'https://api.example/' } },
        server: { ...plain.server, device_authorization_endpoint: 'https://op.example/device' },
        grants: { [device]: {}, client_credentials: {}, refresh_token: {} },
      },
      0,
    ],
  ])('%s', async (_, change, bound) => {
    const checks = await conform({ ...plain, ...change }, realClock)
    expect(checks.length).toBeGreaterThan(3)
    expect(checks.filter(({ ok }) => !ok)).toEqual([])
    expect(checks.filter(({ name }) => name.includes('binds its tokens'))).toHaveLength(bound)
    const keyed = (change.client ?? plain.client).token_endpoint_auth_method !== 'none'
    expect(checks.some(({ name }) => name.includes('refused client'))).toBe(keyed)
  })
})

describe('what is missing is seen', () => {
  const client = { client_id: 'me', client_secret: 'unused' }
  const guarded = (change: Partial<ProviderDefinition>, client_key = newClientKey().publicKey): Emulator => {
    const definition = { ...plain, ...change }
    const person = { username: '', password: '' }
    const emulator = emulate({ definition, values: {}, client, person, variant: 0, now: () => Date.now() })
    return demandProof(emulator, {
      definition,
      values: {},
      client_id: 'me',
      client_key: change.client ? client_key : undefined,
    })
  }
  const ask = (emulator: Emulator, headers: Readonly<Record<string, string>> = {}, body = 'grant_type=x') =>
    emulator.http({
      ...{ url: 'https://op.example/token', method: 'POST', max_bytes: 1000, timeout: 1000, body },
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const jwt = (header: object, claims: object, signer = pair.privateKey): string => {
    const input = `${encode(header)}.${encode(claims)}`
    const signature = sign('sha256', Buffer.from(input), { key: signer, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }
  const now = Math.floor(Date.now() / 1000)
  const jwk = pair.publicKey.export({ format: 'jwk' })
  const claims = { jti: 'j', htm: 'POST', htu: 'https://op.example/token', iat: now }
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk }

  it.each<readonly [string, string, RegExp]>([
    ['no proof', '', /no proof of a key/u],
    ['a proof of another method', jwt(header, { ...claims, htm: 'GET' }), /another request/u],
    ['a proof of another place', jwt(header, { ...claims, htu: 'https://op.example/x' }), /another request/u],
    ['an old proof', jwt(header, { ...claims, iat: now - 3600 }), /is old/u],
    ['a JWT of another kind', jwt({ ...header, typ: 'JWT' }, claims), /no proof/u],
    [
      'another key’s signature',
      jwt(header, claims, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      /does not verify/u,
    ],
    [
      'a private key in it',
      jwt({ ...header, jwk: pair.privateKey.export({ format: 'jwk' }) }, claims),
      /does not verify/u,
    ],
  ])('%s', async (_, dpop, words) => {
    const emulator = guarded({ dpop: 'required' })
    expect((await ask(emulator, { dpop })).status).toBe(400)
    expect(emulator.complaints.join('\n')).toMatch(words)
  })

  it('a good proof is asked for its nonce, and no complaint is made', async () => {
    const emulator = guarded({ dpop: 'required' })
    const first = await ask(emulator, { dpop: jwt(header, claims) })
    expect(first.body).toContain('use_dpop_nonce')
    const nonce = first.headers['dpop-nonce']
    expect(emulator.complaints).toEqual([])
    const grant = 'grant_type=refresh_token&refresh_token=x&client_id=me'
    await ask(emulator, { dpop: jwt(header, { ...claims, jti: 'k', nonce }) }, grant)
    await ask(emulator, { dpop: jwt(header, { ...claims, jti: 'k', nonce }) }, grant)
    expect(emulator.complaints.join('\n')).toMatch(/used before/u)
  })

  it('a request without the resource', async () => {
    const emulator = guarded({ resource: { ...plain.resource, indicator: 'https://api.example/' } })
    await ask(emulator, {}, 'grant_type=refresh_token&resource=https%3A%2F%2Fapi.example%2F')
    expect(emulator.complaints).toEqual([])
    await ask(emulator, {}, 'grant_type=refresh_token')
    emulator.authorize('https://op.example/authorize?client_id=me&redirect_uri=http://127.0.0.1/', 'allow')
    expect(emulator.complaints.filter((one) => one.endsWith('the resource is missing'))).toEqual([
      'token request: the resource is missing',
      'authorization: the resource is missing',
    ])
  })

  it('an API call with the token alone, and one with a proof for another token', async () => {
    const emulator = guarded({ dpop: 'required' })
    const call = (headers: Readonly<Record<string, string>>) =>
      emulator.http({ url: 'https://api.example/me', method: 'GET', headers, max_bytes: 1000, timeout: 1000 })
    await call({ authorization: 'Bearer t' })
    expect(emulator.complaints.join('\n')).toMatch(/with a token alone/u)
    const ath = createHash('sha256').update('other').digest('base64url')
    const dpop = jwt(header, { ...claims, htm: 'GET', htu: 'https://api.example/me', ath })
    await call({ authorization: 'DPoP t', dpop })
    expect(emulator.complaints.join('\n')).toMatch(/a proof for another token/u)
  })

  it.each<readonly [string, object | undefined, RegExp]>([
    ['no assertion', undefined, /no assertion/u],
    ['an assertion of another client', { iss: 'you', sub: 'you' }, /of another client/u],
    ['an assertion for another server', { aud: 'https://other.example' }, /for somebody else/u],
    ['an old one', { exp: now - 3600 }, /is old/u],
    ['one that could be sent again', { jti: undefined }, /is old, or was used/u],
  ])('%s', async (_, change, words) => {
    const emulator = guarded({ client: key }, pair.publicKey)
    const good = { iss: 'me', sub: 'me', aud: 'https://op.example/token', exp: now + 60, jti: 'j' }
    const assertion = change ? jwt({ alg: 'ES256' }, { ...good, ...change }) : ''
    const body = new URLSearchParams({
      ...{ grant_type: 'refresh_token', refresh_token: 'x', client_id: 'me', client_assertion: assertion },
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    expect((await ask(emulator, {}, body.toString())).body).toContain('invalid_client')
    expect(emulator.complaints.join('\n')).toMatch(words)
  })
})
