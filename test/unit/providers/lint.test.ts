/** What a schema cannot say of a definition, each refused with the path of the key (rows D1 of the adversarial table). */
import { describe, expect, it } from 'vitest'
import { parseDefinition } from '../../../main/providers/loader.ts'

/** A whole definition without discovery; each row says what is put in its place. */
const plain = {
  schema_version: 1,
  id: 'acme',
  display_name: 'Acme',
  variables: {
    host: { title: 'Host', format: 'hostname' },
    base: { title: 'Base', format: 'uri', optional: true },
    team: { title: 'Team', format: 'slug' },
    note: { title: 'Note', format: 'text', optional: true },
    key: { title: 'Key', format: 'text', secret: true },
  },
  discovery: { type: 'none' },
  server: { authorization_endpoint: 'https://acme.example/go', token_endpoint: 'https://acme.example/token' },
  client: { token_endpoint_auth_method: 'client_secret_post' },
  redirect: { methods: ['loopback'] },
  resource: {
    base_urls: ['https://${host}/api/', '${base}', 'https://${team}.acme.example/'],
    authorization: { in: 'header', name: 'Authorization', template: 'Bearer ${access_token}' },
  },
}
const device = 'urn:ietf:params:oauth:grant-type:device_code'
const token = { token_endpoint: 'https://acme.example/token' }
/** JSON is YAML. */
const read = (change: object): Promise<unknown> => parseDefinition(JSON.stringify({ ...plain, ...change }), 'x.yaml')
const variables = (change: object): object => ({ variables: { ...plain.variables, ...change } })
const resource = (change: object): object => ({ resource: { ...plain.resource, ...change } })

describe('what a schema cannot say', () => {
  it.each<readonly [string, object]>([
    ['as it stands', {}],
    ['client_credentials with a token endpoint alone', { server: token, grants: { client_credentials: {} } }],
    [
      'a password exchange with an endpoint of its own',
      { server: {}, grants: { password: { endpoint: 'https://acme.example/login' } } },
    ],
    [
      'a device flow, its endpoint named',
      {
        server: { ...token, device_authorization_endpoint: 'https://acme.example/device' },
        grants: { [device]: {} },
      },
    ],
    [
      'endpoints that discovery finds',
      { discovery: { type: 'oidc' }, server: { issuer: 'https://${host}' }, grants: { [device]: {} } },
    ],
    ['no refresh, when that is said', { grants: { authorization_code: {} }, lifecycle: { renew: 'sign_in' } }],
    ['reobtain', { server: token, grants: { client_credentials: {} }, lifecycle: { renew: 'reobtain' } }],
    [
      'secrets and variables in the body of a token request',
      {
        server: token,
        grants: { client_credentials: { params: { k: '${key}', s: '${client_secret}', n: '${note}' } } },
      },
    ],
    [
      'plain http of the API, when that is said',
      { allow_insecure_http: true, ...resource({ base_urls: ['http://a.example/'] }) },
    ],
    ['a client id in a header of every call', resource({ headers: { 'Client-Id': '${client_id}' } })],
    [
      'a revocation with the client in its path and the token in its body',
      {
        revocation: {
          method: 'DELETE',
          url: 'https://api.acme.example/applications/${client_id}/grant',
          auth: 'client_basic',
          content_type: 'json',
          params: { access_token: '${token}', hint: '${token_type_hint}', k: '${key}', s: '${client_secret}' },
          headers: { 'Acme-Version': '2' },
        },
      },
    ],
    ['a page of the person’s own', { redirect: { methods: ['https'], https_url: '${base}' } }],
    ['a host the sign-in tells', resource({ base_url_from: { pointer: '/instance_url', under: ['acme.example'] } })],
    [
      'a question with a body',
      { identity: { url: 'https://acme.example/q', method: 'POST', body: '{"query":"{ me }"}' } },
    ],
  ])('accepts %s', async (_, change) => {
    await expect(read(change)).resolves.toMatchObject({ id: 'acme' })
  })

  it.each<readonly [string, object, string]>([
    ['the browser without a way back', { redirect: undefined }, 'redirect is missing'],
    ['the browser without its endpoint', { server: token }, 'server.authorization_endpoint is missing'],
    [
      'no token endpoint',
      { server: { authorization_endpoint: 'https://acme.example/go' } },
      'server.token_endpoint is missing',
    ],
    [
      'client_credentials and no endpoint',
      { server: {}, grants: { client_credentials: {} } },
      'server.token_endpoint is',
    ],
    [
      'a device flow without its endpoint',
      { server: token, grants: { [device]: {} } },
      'device_authorization_endpoint is',
    ],
    ['discovery of nobody', { discovery: { type: 'oauth2' }, server: {} }, 'server.issuer is missing'],
    [
      'a secret in a URL',
      { server: { ...plain.server, issuer: 'https://acme.example/${key}' } },
      'server.issuer uses ${key}',
    ],
    [
      'any text in a URL',
      resource({ base_urls: ['https://acme.example/${note}/'] }),
      'resource.base_urls[0] uses ${note}',
    ],
    ['a slug where a host belongs', resource({ base_urls: ['https://${team}/'] }), 'as the end of its host'],
    ['a slug that a fixed name goes before', resource({ base_urls: ['https://acme.${team}:443/'] }), 'end of its host'],
    ['a URL in the middle', resource({ base_urls: ['https://acme.example/${base}'] }), 'a URL, in its middle'],
    ['a URL that goes on as another host', resource({ base_urls: ['${base}.evil.example/'] }), 'a URL, in its middle'],
    ['a host without a scheme', resource({ base_urls: ['${host}/api'] }), 'not an http(s) URL'],
    ['a user name', resource({ base_urls: ['https://acme.example@evil.example/'] }), 'has a user name'],
    [
      'a fragment that swallows the host',
      resource({ base_urls: ['https://${team}#.acme.example/'] }),
      'has a fragment',
    ],
    [
      'plain http where a token is a password',
      resource({ basic_authentication: { base_urls: ['http://git.example/'] } }),
      'resource.basic_authentication.base_urls[0] is plain http',
    ],
    ['a backslash', resource({ base_urls: ['https://${team}\\.acme.example/'] }), 'resource.base_urls[0] '],
    [
      'plain http of an endpoint, whatever is allowed',
      { allow_insecure_http: true, server: { ...plain.server, token_endpoint: 'http://acme.example/token' } },
      'server.token_endpoint is plain http',
    ],
    [
      'a secret that is a host',
      variables({ key: { title: 'K', format: 'hostname', secret: true } }),
      'key.secret needs format text',
    ],
    [
      'a secret that everybody has',
      variables({ key: { title: 'K', format: 'text', secret: true, default: 'x' } }),
      'variables.key.default',
    ],
    [
      'a default that does not fit',
      variables({ host: { title: 'H', format: 'hostname', default: 'a@b' } }),
      'variables.host.default',
    ],
    [
      'a default elsewhere',
      variables({ host: { title: 'H', format: 'hostname', under: 'a.example', default: 'b.example' } }),
      'a.example or a name',
    ],
    [
      'a choice that does not fit',
      variables({ host: { title: 'H', format: 'hostname', enum: ['evil.com/#'] } }),
      'variables.host.enum has',
    ],
    [
      'a name the client has',
      variables({ client_id: { title: 'I', format: 'slug' } }),
      'variables.client_id is a name',
    ],
    [
      'a secret in an authorization request',
      { authorization_request: { params: { hint: '${key}' } } },
      'authorization_request.params.hint puts a secret into a URL',
    ],
    [
      'the client’s secret in an authorization request',
      { authorization_request: { params: { hint: '${client_secret}' } } },
      'authorization_request.params.hint uses ${client_secret}',
    ],
    [
      'a secret in a query',
      { server: token, grants: { client_credentials: { content_type: 'query', params: { k: '${key}' } } } },
      'grants.client_credentials.params.k puts a secret into a URL',
    ],
    [
      'a secret in a GET',
      { server: token, grants: { client_credentials: { method: 'GET', params: { k: '${client_secret}' } } } },
      'grants.client_credentials.params.k puts a secret into a URL',
    ],
    [
      'a secret in a query under a name that looks like a path',
      { server: token, grants: { client_credentials: { method: 'GET', params: { 'a.params.b': '${key}' } } } },
      'puts a secret into a URL',
    ],
    [
      'the client’s secret in every API call',
      resource({ headers: { 'X-Key': '${client_secret}' } }),
      'headers.X-Key uses',
    ],
    ['another host in a header', resource({ headers: { HOST: 'evil.example' } }), 'resource.headers.HOST is set by'],
    [
      'another credential in a header',
      resource({ headers: { AUTHORIZATION: 'x' } }),
      'resource.headers.AUTHORIZATION is set by',
    ],
    [
      'a header of two lines',
      { server: token, grants: { client_credentials: { headers: { 'X-A': 'a\r\nHost: evil.example' } } } },
      'grants.client_credentials.headers.X-A is not printable',
    ],
    [
      'a redirect elsewhere under another name',
      { authorization_request: { params: { x: 'https://evil.example/' }, rename: { x: 'redirect_uri' } } },
      'authorization_request.rename.x is redirect_uri',
    ],
    ['a redirect elsewhere as a scope', { scope: { param: 'redirect_uri' } }, 'scope.param is redirect_uri'],
    [
      'an answer nobody can know',
      { authorization_request: { omit: ['state'] } },
      'authorization_request.omit has state',
    ],
    [
      'one name for two parameters',
      { authorization_request: { rename: { client_id: 'a', redirect_uri: 'a' } } },
      'authorization_request.rename gives one name twice',
    ],
    [
      'a parameter that is renamed and added',
      { server: token, grants: { client_credentials: { rename: { client_id: 'a' }, params: { a: 'x' } } } },
      'grants.client_credentials.params.a is what rename',
    ],
    [
      'a parameter that is renamed and left out',
      { server: token, grants: { client_credentials: { rename: { scope: 'a' }, omit: ['scope'] } } },
      'grants.client_credentials.rename.scope is left out',
    ],
    [
      'a parameter that is added and left out',
      { server: token, grants: { client_credentials: { params: { scope: 'a' }, omit: ['scope'] } } },
      'grants.client_credentials.params.scope is left out',
    ],
    [
      'a parameter that is left out twice',
      { server: token, grants: { client_credentials: { omit: ['scope', 'scope'] } } },
      'grants.client_credentials.omit has one name twice',
    ],
    ['a page nobody named', { redirect: { methods: ['https'] } }, 'redirect.https_url is missing'],
    [
      'a page that is plain http',
      { redirect: { methods: ['https'], https_url: 'http://acme.example/cb' } },
      'redirect.https_url is plain http',
    ],
    [
      'a page by a text of any form',
      { redirect: { methods: ['https'], https_url: 'https://acme.example/${note}' } },
      'redirect.https_url uses ${note}, whose format may be anything',
    ],
    [
      'a revocation in plain http',
      { revocation: { url: 'http://acme.example/end', auth: 'bearer' } },
      'revocation.url is plain http',
    ],
    [
      'a revocation with the token in its address',
      { revocation: { url: 'https://acme.example/${token}', auth: 'bearer' } },
      'revocation.url uses ${token}',
    ],
    [
      'a revocation at a host the client names',
      { revocation: { url: 'https://${client_id}/end', auth: 'bearer' } },
      'revocation.url uses ${client_id} in its host',
    ],
    [
      'a revocation that hands in nothing',
      { revocation: { url: 'https://acme.example/end', auth: 'client_basic', params: { a: 'b' } } },
      'revocation.params has no ${token}',
    ],
    [
      'a revocation that says who asks by itself',
      { revocation: { url: 'https://acme.example/end', auth: 'bearer', headers: { Authorization: 'x' } } },
      'revocation.headers.Authorization is set by the program itself',
    ],
    [
      'a revocation in another alphabet',
      { revocation: { url: 'https://acme.example/end', auth: 'bearer', method: 'PUT' } },
      'revocation.method must be one of POST, DELETE',
    ],
    [
      'a variable that is called as the token is',
      {
        ...variables({ token: { title: 'T', format: 'text' } }),
        revocation: { url: 'https://acme.example/end', auth: 'bearer' },
      },
      'variables.token is a name that revocation has already',
    ],
    [
      'a host under a whole registry',
      resource({ base_url_from: { pointer: '/h', under: ['com'] } }),
      'resource.base_url_from.under[0] is not of the form',
    ],
    [
      'a host that nobody is asked for',
      resource({ base_url_from: { in: 'identity', pointer: '/h', under: ['acme.example'] } }),
      'resource.base_url_from needs identity.url',
    ],
    [
      'a question with a body and no way to send it',
      { identity: { url: 'https://acme.example/q', body: '{}' } },
      'identity.body needs method POST',
    ],
    [
      'a question that is no JSON',
      { identity: { url: 'https://acme.example/q', method: 'POST', body: '{ me }' } },
      'identity.body is not JSON',
    ],
    ['reobtain by nobody', { lifecycle: { renew: 'reobtain' } }, 'lifecycle.renew is reobtain'],
    [
      'a refresh there is no grant for',
      { grants: { authorization_code: {} }, lifecycle: { renew: 'refresh_token' } },
      'lifecycle.renew is refresh_token',
    ],
    ['a refresh there is no grant for, unsaid', { grants: { authorization_code: {} } }, 'lifecycle.renew is missing'],
    [
      'a port out of range',
      { redirect: { methods: ['loopback'], loopback: { port: [80] } } },
      'redirect.loopback.port[0] must be at least 1024',
    ],
    [
      'half a port',
      { redirect: { methods: ['loopback'], loopback: { port: [8080.5] } } },
      'redirect.loopback.port[0] must be an integer',
    ],
    [
      'a list among values',
      { token_error: { ok_codes: [[]] } },
      'token_error.ok_codes[0] must be a string or number or boolean or null',
    ],
  ])('refuses %s', async (_, change, sentence) => {
    await expect(read(change)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(sentence) as string,
    })
  })
})
