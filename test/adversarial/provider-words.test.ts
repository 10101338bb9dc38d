/**
 * What a provider says beside its tokens: hosts that are none of its own, and our own secrets quoted back. The rule under
 * test: a host is believed under the definition's domains only, and no secret is said on to anybody.
 */
import { afterEach, describe, expect, it } from 'vitest'
import type { SignInOutcome, SignInPlan } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import { builtInProviders } from '../../main/providers/loader.ts'
import type { ProviderDefinition } from '../../main/providers/provider.ts'
import { everythingVisible, realServers, signedIn, type RealServers } from '../fakes/real-servers.ts'
import { serveDefinition, type Served } from '../fakes/services/from-definition.ts'

let served: Served | undefined
afterEach(async () => {
  await served?.stop()
  served = undefined
})

async function at(
  id: string,
  change: Partial<ProviderDefinition> = {},
  params: Readonly<Record<string, string>> = {},
): Promise<{ readonly here: Served; readonly servers: RealServers }> {
  const shipped = await builtInProviders().find(id)
  if (!shipped) throw new Error(`there is no ${id}`)
  const here = (served = await serveDefinition(shipped, { change, params }))
  const { definition } = here
  const providers = { list: () => Promise.resolve([definition]), find: () => Promise.resolve(definition) }
  return { here, servers: realServers({ providers }) }
}

const planFor = (here: Served, more: Partial<SignInPlan> = {}): SignInPlan => ({
  ...{ provider: here.definition.id, params: here.params, timeout: 20_000 },
  ...{ client_id: here.client.client_id, client_secret: new Secret(here.client.client_secret) },
  ...more,
})

async function signIn(here: Served, servers: RealServers): Promise<SignInOutcome> {
  const running = await servers.startSignIn(planFor(here, { redirect: 'paste', scope: 'api' }))
  await running.submit(await here.browse(running.authorization_url))
  return running.done
}

describe('P11: a host that is none of the provider’s', () => {
  it.each<unknown>([
    'https://evil.example',
    'https://salesforce.com.evil.example',
    'https://evilsalesforce.com',
    'https://evil.example/.salesforce.com',
    'https://evil.example?x=.salesforce.com',
    'https://evil.example#.salesforce.com',
    'https://na1.salesforce.com@evil.example',
    'https://na1.salesforce.com\\@evil.example',
    'https://na1.salesforce.com:8443',
    'https://na1.salesforce.com.',
    'https://127.0.0.1',
    'http://na1.salesforce.com',
    'javascript://na1.salesforce.com/',
    'https://na1.salesforce.com/?next=https://evil.example',
    'na1.salesforce.com',
    'https://',
    ['https://na1.salesforce.com'],
    42,
  ])(
    'P11: an API host told as %j is refused, nothing of the sign-in is kept, and what was given is given back',
    async (told) => {
      const { here, servers } = await at('salesforce')
      here.answer('/services/oauth2/token', 200, {
        ...{ access_token: 'at-1', refresh_token: 'rt-1', token_type: 'Bearer', instance_url: told },
      })
      expect(await signIn(here, servers)).toMatchObject({
        kind: 'refused',
        error: {
          code: 'provider_error',
          message: expect.stringMatching(/API host that is none of its own/u) as string,
        },
      })
      await expect.poll(() => here.asked.filter(({ path }) => path.endsWith('/revoke')).length).toBeGreaterThan(0)
    },
  )
})

describe('R8: a provider that quotes our secrets back', () => {
  const API_KEY = 'api key/+=& ümlaut'.replace('ü', 'u')
  const withKey: Partial<ProviderDefinition> = {
    variables: {
      host: { title: 'Host', format: 'hostname' },
      api_key: { title: 'API key', format: 'text', secret: true },
    },
    grants: { authorization_code: { params: { api_key: '${api_key}' } }, refresh_token: {} },
  }
  const forms = (secret: string): readonly string[] => [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ s: secret }).toString().slice(2),
  ]

  it('R8: none is in what is said of a sign-in, a renewal, a revocation or a declined request', async () => {
    const { here, servers } = await at('dropbox', withKey, { api_key: API_KEY })
    const { material } = signedIn(await signIn(here, servers))
    const secrets = [here.client.client_secret, API_KEY]
    const echo = { error: 'invalid_request', error_description: `got ${secrets.flatMap(forms).join(' and ')}` }
    here.answer('/oauth2/token', 400, echo)
    here.answer('/2/auth/token/revoke', 400, echo)
    const refused = await signIn(here, servers)
    const renewal = await servers.refresh(material.connection, material.refresh_token, {})
    const revocation = await servers.revoke(material)
    expect([refused.kind, renewal.kind, revocation.kind]).toEqual(['refused', 'client-configuration', 'failed'])
    const running = await servers.startSignIn(planFor(here, { redirect: 'paste' }))
    const back = new URL(running.authorization_url).searchParams
    const declined = new URLSearchParams({ ...echo, state: back.get('state') ?? '' })
    await running.submit(`${back.get('redirect_uri') ?? ''}?${declined.toString()}`)
    const shown = [refused, renewal, revocation, await running.done].map((one) => {
      const error = 'error' in one ? one.error.message : 'detail' in one ? one.detail : ''
      expect(error).toContain('[secret]')
      return error
    })
    for (const form of secrets.flatMap(forms)) expect(shown.join('\n')).not.toContain(form)
    for (const secret of secrets) expect(everythingVisible(servers.logged)).not.toContain(secret)
  })
})
