/**
 * Definitions played through against the provider they describe. The first part is the quirk kinds of other people's
 * catalogues, one provider made up for each; the last shows that the play can fail.
 */
import { describe, expect, it } from 'vitest'
import { conform } from '../../../main/oauth/conformance/conform.ts'
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
  client: { token_endpoint_auth_method: 'client_secret_post' },
  redirect: { methods: ['loopback'] },
  resource: {
    base_urls: ['https://api.example/'],
    authorization: { in: 'header', name: 'Authorization', template: 'Bearer ${access_token}' },
  },
  identity: { url: 'https://api.example/me', subject: '/id', label: '/name' },
}

async function failures(definition: ProviderDefinition): Promise<readonly string[]> {
  const checks = await conform(definition, realClock)
  expect(checks.length).toBeGreaterThan(0)
  return checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`)
}

describe('a provider', () => {
  it.each<readonly [string, Partial<ProviderDefinition>]>([
    ['that keeps to the standard', {}],
    [
      'with OpenID Connect',
      { discovery: { type: 'oidc' }, server: { issuer: 'https://op.example' }, scope: { default: ['openid'] } },
    ],
    [
      'with a host of the person’s',
      {
        variables: { host: { title: 'Host', format: 'hostname' } },
        server: { authorization_endpoint: 'https://${host}/authorize', token_endpoint: 'https://${host}/token' },
      },
    ],
    [
      'with fixed authorization parameters',
      { authorization_request: { params: { access_type: 'offline', prompt: 'consent' } } },
    ],
    [
      'with renamed authorization parameters and without PKCE',
      { authorization_request: { rename: { client_id: 'client_key' }, pkce: 'none' } },
    ],
    [
      'with fixed token parameters and fields',
      {
        grants: {
          authorization_code: {
            params: { type: 'web_server', v: '${client_id}' },
            headers: { 'x-client': '${client_id}' },
          },
          refresh_token: {},
        },
      },
    ],
    [
      'with commas between scopes, both ways',
      { scope: { default: ['a', 'b'], delimiter: ',' }, token_response: { scope_delimiter: ',' } },
    ],
    ['with another scope parameter', { scope: { default: ['a'], param: 'user_scope', send_on_refresh: true } }],
    ['with Basic as the standard has it', { client: { token_endpoint_auth_method: 'client_secret_basic' } }],
    [
      'with Basic that is never decoded',
      { client: { token_endpoint_auth_method: 'client_secret_basic', client_secret_basic_encoding: 'raw' } },
    ],
    [
      'with JSON requests',
      { grants: { authorization_code: { content_type: 'json' }, refresh_token: { content_type: 'json' } } },
    ],
    [
      'with multipart requests',
      { grants: { authorization_code: { content_type: 'multipart' }, refresh_token: { content_type: 'multipart' } } },
    ],
    [
      'with everything in the URL',
      { grants: { authorization_code: { content_type: 'query' }, refresh_token: { method: 'GET' } } },
    ],
    [
      'with another place to refresh',
      {
        grants: {
          authorization_code: {},
          refresh_token: { endpoint: 'https://op.example/refresh', params: { extra: '1' } },
        },
      },
    ],
    [
      'whose code comes under another name',
      { authorization_response: { code: ['auth_code'], error: ['err'], error_description: ['message'] } },
    ],
    [
      'whose token is a member of a member',
      {
        token_response: {
          access_token: ['/data/token'],
          refresh_token: ['/data/refresh'],
          expires_in: ['/data/ttl'],
          force_token_type: 'Bearer',
        },
      },
    ],
    ['whose token has its scheme in it', { token_response: { access_token_strip_prefix: ['Bearer '] } }],
    ['that names the end instead of the lifetime', { token_response: { expires_at: ['/expires', '/expires_on'] } }],
    ['that names both, here or there', { token_response: { expires_in: ['/expires_in'], expires_at: ['/expires'] } }],
    ['that counts in minutes', { token_response: { expires_in: ['/ttl'], expires_in_unit: 'min' } }],
    ['whose token says its own end', { token_response: { expires_from_jwt: true } }],
    ['that says nothing of an end', { token_response: { default_expires_in: 900 } }],
    [
      'with its own names for errors',
      {
        token_error: {
          code: ['/code'],
          description: ['/message'],
          code_map: { bad_grant: 'invalid_grant', bad_client: 'invalid_client' },
        },
      },
    ],
    [
      'with a status member in every answer',
      {
        token_response: { success_when: [{ pointer: '/status', in: [200] }] },
        token_error: { code: ['/status'], ok_codes: [200], code_map: { 401: 'invalid_client', 402: 'invalid_grant' } },
      },
    ],
    [
      'that tells errors by their words',
      { token_error: { description_map: [{ contains: 'token is invalid', error: 'invalid_grant' }] } },
    ],
    // Without a refresh: a page ends no grant, whoever's page it is.
    [
      'that refuses with pages',
      {
        token_error: { by_status: { 403: 'invalid_grant', 401: 'invalid_client' } },
        grants: { authorization_code: {} },
        lifecycle: { renew: 'sign_in' },
      },
    ],
    [
      'with a scheme of its own for the API, and fields',
      {
        resource: {
          ...plain.resource,
          headers: { accept: 'application/vnd.op+json' },
          authorization: { in: 'header', name: 'Authorization', template: 'token ${access_token}' },
        },
      },
    ],
    [
      'that wants the token alone',
      {
        resource: {
          ...plain.resource,
          authorization: { in: 'header', name: 'Authorization', template: '${access_token}' },
        },
      },
    ],
    ['that shows its codes', { redirect: { methods: ['oob'] } }],
    [
      'with a registered address',
      { redirect: { methods: ['loopback'], loopback: { host: 'localhost', port: [53_682], path: '/' } } },
    ],
    ['with the custom scheme alone', { redirect: { methods: ['custom_scheme'] } }],
    [
      'with requests pushed ahead',
      { server: { ...plain.server, pushed_authorization_request_endpoint: 'https://op.example/par' } },
    ],
    [
      'with pushed requests in its own names',
      {
        server: { ...plain.server, pushed_authorization_request_endpoint: 'https://op.example/par' },
        authorization_request: { rename: { client_id: 'client_key', scope: 'scopes' }, omit: ['nonce'] },
        scope: { default: ['a'] },
      },
    ],
    [
      'that sends the browser to a page of the person’s own',
      {
        variables: { page: { title: 'Page', format: 'uri', example: 'https://example.com/callback' } },
        redirect: { methods: ['https'], https_url: '${page}' },
      },
    ],
    [
      'whose sign-in tells the API’s host',
      {
        resource: { ...plain.resource, base_url_from: { pointer: '/urls/api', under: ['api.example', 'eu.example'] } },
      },
    ],
    [
      'that tells it when it is asked who this is',
      {
        resource: {
          ...plain.resource,
          base_url_from: { in: 'identity', pointer: '/accounts/0/base', under: ['api.example'] },
        },
      },
    ],
    [
      'that is asked who this is by a query',
      {
        identity: {
          url: 'https://api.example/graphql',
          method: 'POST',
          body: '{"query":"{ me }"}',
          subject: '/data/id',
        },
      },
    ],
    ['that ends a grant by a token alone', { revocation: { url: 'https://op.example/end', auth: 'bearer' } }],
    [
      'that ends a grant by the client, and deletes it',
      {
        revocation: {
          method: 'DELETE',
          url: 'https://op.example/apps/${client_id}/grant',
          auth: 'client_basic',
          content_type: 'json',
          params: { access_token: '${token}' },
          headers: { 'op-version': '2' },
        },
      },
    ],
    [
      'that ends a grant by a form, and says so inside HTTP 200',
      {
        revocation: {
          url: 'https://op.example/end',
          auth: 'none',
          token: ['refresh_token', 'access_token'],
          params: { token: '${token}', type: '${token_type_hint}', id: '${client_id}', key: '${client_secret}' },
          success_when: [{ http_status: [200], pointer: '/ok', in: [true] }, { pointer: '/revoked' }],
        },
      },
    ],
    ['that does not let tokens be renewed', { grants: { authorization_code: {} }, lifecycle: { renew: 'sign_in' } }],
    [
      'for clients alone',
      {
        grants: {
          client_credentials: {
            content_type: 'json',
            omit: ['grant_type', 'scope'],
            rename: { client_id: 'app_id', client_secret: 'app_secret' },
            params: { app_key: '${client_secret}' },
          },
        },
        lifecycle: { renew: 'reobtain' },
      },
    ],
    [
      'for another device',
      {
        server: { ...plain.server, device_authorization_endpoint: 'https://op.example/device' },
        grants: { 'urn:ietf:params:oauth:grant-type:device_code': {}, refresh_token: {} },
      },
    ],
    [
      'that takes email and password',
      {
        grants: {
          password: {
            endpoint: 'https://op.example/api_tokens',
            content_type: 'json',
            client_auth: 'none',
            rename: { username: 'email' },
            omit: ['grant_type', 'client_id', 'client_secret', 'scope'],
            response: { access_token: ['/data/token', '/token'], default_expires_in: 60 },
          },
        },
      },
    ],
  ])('%s', async (_, change) => {
    expect(await failures({ ...plain, ...change })).toEqual([])
  })
})

describe('a definition that is wrong in itself', () => {
  it('is told where', async () => {
    const code = await failures({
      ...plain,
      token_error: { code: ['/code'], code_map: { gone: 'server_error', invalid_grant: 'temporarily_unavailable' } },
    })
    expect(code.join('\n')).toMatch(/believes the end of a grant: transient/u)
    // Where two things are said to be in one place, the second takes the place of the first.
    const none = await failures({ ...plain, token_response: { refresh_token: ['/expires_in'] } })
    expect(none.join('\n')).toMatch(/leaves renewing to the person: no refresh token/u)
    const other = await failures({ ...plain, token_response: { access_token: ['/refresh_token'] } })
    expect(other.join('\n')).toMatch(/the API was called with a token it never gave out/u)
    const port = await failures({ ...plain, token_response: { success_when: [{ http_status: [203] }] } })
    expect(port.join('\n')).toMatch(/links: /u)
  })
})
