/** Definitions that say how tokens and clients are bound: what is taken, what is refused by its path, what people are shown. */
import { describe, expect, it } from 'vitest'
import { parseDefinition } from '../../../main/providers/loader.ts'
import { describe as describeDefinition, summaryOf } from '../../../main/providers/summary.ts'

const plain = {
  schema_version: 1,
  id: 'acme',
  display_name: 'Acme',
  variables: { host: { title: 'Host', format: 'hostname' } },
  discovery: { type: 'none' },
  server: { authorization_endpoint: 'https://acme.example/go', token_endpoint: 'https://acme.example/token' },
  client: { token_endpoint_auth_method: 'none' },
  redirect: { methods: ['loopback'] },
  resource: {
    base_urls: ['https://acme.example/api/'],
    authorization: { in: 'header', name: 'Authorization', template: 'Bearer ${access_token}' },
  },
}
/** JSON is YAML. */
const read = (change: object) => parseDefinition(JSON.stringify({ ...plain, ...change }), 'x.yaml')
const key = { token_endpoint_auth_method: 'private_key_jwt' }
const server = { ...plain.server, registration_endpoint: 'https://acme.example/register' }

describe('a definition', () => {
  it.each<readonly [string, object]>([
    ['that binds tokens', { dpop: 'required' }],
    ['that may', { dpop: 'supported' }],
    ['with a client key', { client: { ...key, client_assertion_audience: 'token_endpoint' } }],
    ['with a registration endpoint', { server }],
    ['for a resource', { resource: { ...plain.resource, indicator: 'https://${host}/api' } }],
  ])('%s is taken', async (_, change) => {
    expect(await read(change)).toMatchObject(change)
  })

  it.each<readonly [string, object, RegExp]>([
    ['another word', { dpop: 'maybe' }, /: dpop /u],
    [
      'a token request elsewhere',
      { dpop: 'required', grants: { authorization_code: { endpoint: 'https://acme.example/x' }, refresh_token: {} } },
      /: dpop goes with the token endpoint itself, and grants\.authorization_code/u,
    ],
    [
      'a type that is ignored',
      { dpop: 'supported', token_response: { force_token_type: 'Bearer' } },
      /: dpop needs the type/u,
    ],
    ['a public client with a key', { client: { ...key, client_type: 'public' } }, /: client\.client_type is public/u],
    ['a key that is registered', { client: key, server }, /: server\.registration_endpoint: /u],
    [
      'plain http',
      { server: { ...server, registration_endpoint: 'http://acme.example/r' } },
      /: server\.registration_endpoint is plain http/u,
    ],
    [
      'a resource with a fragment',
      { resource: { ...plain.resource, indicator: 'https://acme.example/#x' } },
      /: resource\.indicator has a fragment/u,
    ],
    [
      'a resource of no variable',
      { resource: { ...plain.resource, indicator: 'https://${nobody}/' } },
      /: resource\.indicator uses/u,
    ],
    [
      'a rename into dpop_jkt',
      { authorization_request: { rename: { x: 'dpop_jkt' } } },
      /dpop_jkt, which the protocol itself sets/u,
    ],
  ])('with %s is refused by its path', async (_, change, words) => {
    await expect(read(change)).rejects.toMatchObject({ message: expect.stringMatching(words) as string })
  })

  it('shows where a client is registered, and says when that is elsewhere', async () => {
    const definition = await read({ server: { ...server, registration_endpoint: 'https://clients.other.example/r' } })
    const shown = describeDefinition(definition, '')
    expect(shown.endpoints).toContainEqual({
      name: 'server.registration_endpoint',
      url: 'https://clients.other.example/r',
    })
    expect(shown.warnings.join('\n')).toContain('secrets would go to clients.other.example')
  })

  it.each<readonly [object, boolean | undefined]>([
    [{ server }, true],
    [{}, undefined],
    [{ discovery: { type: 'oidc' }, server: { issuer: 'https://${host}' } }, true],
    [{ discovery: { type: 'oidc' }, server: { issuer: 'https://acme.example' } }, undefined],
    [
      {
        discovery: { type: 'oidc' },
        server: { issuer: 'https://${host}' },
        client: { token_endpoint_auth_method: 'client_secret_basic' },
      },
      undefined,
    ],
    [{ discovery: { type: 'oidc' }, server: { issuer: 'https://${host}' }, client: key }, undefined],
  ])('%j offers registration: %s', async (change, registration) => {
    expect(summaryOf(await read(change)).registration).toBe(registration)
  })

  it('says that tokens are bound', async () => {
    expect(summaryOf(await read({ dpop: 'supported' })).dpop).toBe('supported')
    expect(summaryOf(await read({}))).not.toHaveProperty('dpop')
  })

  it('says that it wants a key, and no secret', async () => {
    expect(summaryOf(await read({ client: key })).client_fields).toEqual({ secret: 'none', key: 'required' })
  })
})
