/**
 * What a provider may say about itself (row P11). The rule under test: nothing is sent to a place that the issuer the person
 * named cannot vouch for, and the refusal says which member is wrong.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { realServers } from '../fakes/real-servers.ts'
import { startTokenServer, type TokenServer } from '../fakes/token-server.ts'

let server: TokenServer
const servers = realServers()

beforeAll(async () => {
  server = await startTokenServer()
})
afterAll(async () => {
  await server.stop()
})

describe('P11: discovery', () => {
  const expectRefused = async (metadata: Readonly<Record<string, unknown>>, sentence: RegExp): Promise<void> => {
    server.metadata(metadata)
    try {
      await expect(servers.begin(server.issuer)).rejects.toMatchObject({
        code: 'provider_error',
        message: expect.stringMatching(sentence) as string,
      })
    } finally {
      server.metadata({})
    }
  }

  it.each([
    ['another host', 'https://evil.example'],
    ['another path', 'http://127.0.0.1/x'],
    ['not a text', 7],
    ['missing', undefined],
  ])('P11: issuer is %s: refused', async (_, issuer) => {
    await expectRefused({ issuer }, /\.$/u)
  })

  it.each<readonly [string, unknown, RegExp]>([
    ['plain http elsewhere', 'http://idp.example.com/token', /token_endpoint cannot be used: it is plain http/u],
    ['a file', 'file:///etc/passwd', /token_endpoint cannot be used: it is neither https nor http/u],
    ['a script', 'javascript:alert(1)', /token_endpoint cannot be used: it is neither https nor http/u],
    ['with a user', 'https://a:b@idp.example.com/token', /token_endpoint cannot be used: it contains a user name/u],
    ['with a fragment', 'https://idp.example.com/token#x', /token_endpoint cannot be used: it contains a fragment/u],
    ['no URL', 'token', /token_endpoint cannot be used: it is not a URL/u],
    ['missing', undefined, /names no token endpoint/u],
    ['a number', 7, /names no token endpoint/u],
  ])('P11: token_endpoint is %s: refused', async (_, token_endpoint, sentence) => {
    await expectRefused({ token_endpoint }, sentence)
  })

  it.each(['authorization_endpoint', 'revocation_endpoint', 'userinfo_endpoint'])(
    'P11: %s is checked like the others',
    async (name) => {
      await expectRefused({ [name]: 'javascript:alert(1)' }, new RegExp(`${name} cannot be used`, 'u'))
    },
  )

  it.each([
    ['https://10.0.0.1/token', 'public.example'],
    ['https://127.0.0.1/token', 'public.example'],
    ['https://localhost/token', 'public.example'],
    ['https://inside.example/token', 'public.example'],
  ])('P11: a public issuer that points to %s: refused', async (token_endpoint) => {
    const issuer = 'https://public.example'
    const document = JSON.stringify({ issuer, authorization_endpoint: `${issuer}/a`, token_endpoint })
    const asked: string[] = []
    const isolated = realServers({
      http: (request) => {
        asked.push(request.url)
        return Promise.resolve({ status: 200, headers: { 'content-type': 'application/json' }, body: document })
      },
      resolve: (name) => Promise.resolve(name === 'inside.example' ? ['192.168.1.1'] : ['203.0.113.1']),
    })
    await expect(isolated.begin(issuer)).rejects.toMatchObject({
      code: 'provider_error',
      message: expect.stringContaining('private network') as string,
    })
    expect(asked).toEqual([`${issuer}/.well-known/openid-configuration`])
  })

  it.each([
    'http://idp.example.com',
    'ftp://idp.example.com',
    'file:///etc',
    'javascript:alert(1)',
    'https://user@idp.example.com',
    'https://idp.example.com/?x=1',
    'https://idp.example.com/#x',
    'https://idp.example.com/.well-known/openid-configuration',
    'idp.example.com',
    '',
  ])("P11: the person's issuer %j: refused before anything is sent", async (issuer) => {
    const isolated = realServers({
      http: () => Promise.reject(new Error('asked')),
      resolve: () => Promise.reject(new Error('resolved')),
    })
    await expect(isolated.begin(issuer)).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('P11: a document of two megabytes: refused', async () => {
    await expect(
      (async () => {
        server.metadata({ padding: 'x'.repeat(2_000_000) })
        try {
          await servers.begin(server.issuer)
        } finally {
          server.metadata({})
        }
      })(),
    ).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })
})
