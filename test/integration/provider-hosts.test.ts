/**
 * What a sign-in tells about the account: the host of its API, and who it is by a question with a body. On a real socket, by
 * definitions that come with Valetkey.
 */
import { afterEach, describe, expect, it } from 'vitest'
import type { SignInOutcome } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import { builtInProviders } from '../../main/providers/loader.ts'
import type { ProviderDefinition } from '../../main/providers/provider.ts'
import { realServers, signedIn } from '../fakes/real-servers.ts'
import { serveDefinition, type Served } from '../fakes/services/from-definition.ts'

let served: Served | undefined
afterEach(async () => {
  await served?.stop()
  served = undefined
})

async function at(id: string, change: Partial<ProviderDefinition> = {}): Promise<Served> {
  const shipped = await builtInProviders().find(id)
  if (!shipped) throw new Error(`there is no ${id}`)
  return (served = await serveDefinition(shipped, { change }))
}

function serversOf({ definition }: Served): ReturnType<typeof realServers> {
  return realServers({
    providers: { list: () => Promise.resolve([definition]), find: () => Promise.resolve(definition) },
  })
}

async function signIn(here: Served, scope?: string): Promise<SignInOutcome> {
  const running = await serversOf(here).startSignIn({
    ...{ provider: here.definition.id, params: here.params, timeout: 20_000, redirect: 'paste' },
    ...{ client_id: here.client.client_id, client_secret: new Secret(here.client.client_secret) },
    ...(scope !== undefined && { scope }),
  })
  await running.submit(await here.browse(running.authorization_url))
  return running.done
}

/** A token answer of Salesforce's with this host in it. */
const tokenAnswer = (instance_url: unknown) => ({
  ...{ access_token: 'at-1', refresh_token: 'rt-1', token_type: 'Bearer', instance_url },
  issued_at: '1278448832702',
})
const TOKEN = '/services/oauth2/token'

describe('the API host that a token answer tells', () => {
  it.each([
    'https://na1.salesforce.com',
    'https://acme.my.salesforce.com/',
    'https://acme--dev.sandbox.my.salesforce.com',
  ])('%s is the first place tokens may go to', async (told) => {
    const here = await at('salesforce')
    here.answer(TOKEN, 200, tokenAnswer(told))
    const { material } = signedIn(await signIn(here, 'api'))
    expect(material.connection.api_base_urls).toEqual([told.endsWith('/') ? told : `${told}/`, `http://${here.host}/`])
  })

  it('is frozen: a renewal that tells another one moves nothing', async () => {
    const here = await at('salesforce')
    here.answer(TOKEN, 200, tokenAnswer('https://na1.salesforce.com'))
    const { material } = signedIn(await signIn(here, 'api'))
    here.answer(TOKEN, 200, { ...tokenAnswer('https://evil.example'), access_token: 'at-2' })
    const renewed = await serversOf(here).refresh(material.connection, material.refresh_token, {})
    expect(renewed).toMatchObject({ kind: 'refreshed' })
    expect(material.connection.api_base_urls[0]).toBe('https://na1.salesforce.com/')
  })

  it('is not needed: without it the definition’s own places are there', async () => {
    const here = await at('salesforce')
    for (const nothing of [undefined, null, '']) {
      here.answer(TOKEN, 200, tokenAnswer(nothing))
      expect(signedIn(await signIn(here, 'api')).material.connection.api_base_urls).toEqual([`http://${here.host}/`])
    }
  })

  it('may be told by the answer that says who it is', async () => {
    const here = await at('salesforce', {
      identity: { url: 'https://${host}/me', subject: '/id', label: '/name' },
      resource: {
        base_urls: [],
        base_url_from: { in: 'identity', pointer: '/account/base_uri', under: ['docs.example'] },
        authorization: { in: 'header', name: 'Authorization', template: 'Bearer ${access_token}' },
      },
    })
    const outcome = signedIn(await signIn(here, 'api'))
    expect(outcome.material.connection.api_base_urls).toEqual(['https://api.docs.example/'])
    expect(outcome.identity).toEqual({
      ...{ issuer: expect.stringMatching(/^urn:/u) as string, subject: 'subject', label: 'Person' },
    })
    here.answer('/me', 200, { id: '1', name: 'P', account: { base_uri: 'https://docs.example.evil.example' } })
    expect(await signIn(here, 'api')).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
  })
})

describe('who it is', () => {
  it('is asked with a body where the API is GraphQL', async () => {
    const here = await at('linear')
    const { identity } = signedIn(await signIn(here))
    expect(identity).toMatchObject({ subject: 'subject', label: 'Person' })
    expect(here.asked.at(-1)).toMatchObject({
      method: 'POST',
      path: '/graphql',
      headers: { 'content-type': 'application/json', authorization: expect.stringMatching(/^Bearer /u) as string },
      body: '{"query":"{ viewer { id name email } }"}',
    })
    expect(here.emulator.complaints).toEqual([])
  })

  it('is not known where the query is refused, and the sign-in works all the same', async () => {
    const here = await at('linear')
    here.answer('/graphql', 200, { errors: [{ message: 'no' }] })
    const { identity } = signedIn(await signIn(here))
    expect(identity).not.toHaveProperty('label')
  })
})

describe('a request that is pushed ahead (RFC 9126)', () => {
  it('has the provider’s names, and so has the address', async () => {
    const here = await at('dropbox', {
      server: {
        authorization_endpoint: 'https://${host}/authorize',
        token_endpoint: 'https://${host}/token',
        pushed_authorization_request_endpoint: 'https://${host}/par',
      },
      authorization_request: {
        rename: { client_id: 'client_key', scope: 'scopes' },
        omit: ['nonce'],
        params: { a: 'b' },
      },
    })
    signedIn(await signIn(here, 'one two'))
    const [pushed] = here.asked
    const sent = new URLSearchParams(pushed?.body)
    expect(pushed?.path).toBe('/par')
    expect([sent.get('client_key'), sent.get('scopes'), sent.get('a')]).toEqual([here.client.client_id, 'one two', 'b'])
    for (const name of ['client_id', 'scope']) expect(sent.has(name), name).toBe(false)
    expect(here.emulator.complaints).toEqual([])
  })

  it('that is not taken says why, without a secret', async () => {
    const here = await at('dropbox', {
      server: {
        authorization_endpoint: 'https://${host}/authorize',
        token_endpoint: 'https://${host}/token',
        pushed_authorization_request_endpoint: 'https://${host}/par',
      },
    })
    here.answer('/par', 401, {
      error: 'invalid_client',
      error_description: `no such secret ${here.client.client_secret}`,
    })
    await expect(signIn(here)).rejects.toMatchObject({
      code: 'provider_error',
      message: expect.stringMatching(
        /did not take the request to sign in: "invalid_client": no such secret \[secret\]/u,
      ) as string,
    })
  })
})
