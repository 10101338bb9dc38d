/** Deskpro by its definition: the authorization code with and without PKCE's secretless client, and its own exchange of email and password. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Secret } from '../../main/broker/secret.ts'
import { everythingVisible, signedIn } from '../fakes/real-servers.ts'
import { startDeskpro, type Deskpro } from '../fakes/services/deskpro.ts'
import { after, lifetime, rigFor, type Rig } from '../setup/services.ts'

const wrongSecret = { client_secret: new Secret('not-the-secret') }
let service: Deskpro
let rig: Rig
beforeAll(async () => {
  service = await startDeskpro({ any_loopback_port: true })
  rig = rigFor('deskpro', service, { helpdesk_host: service.host })
})
afterAll(() => service.stop())

describe('the authorization code', () => {
  it.each([8, 9] as const)('links, calls with its own scheme, renews and ends, of League %i', async (league) => {
    service.settings.league = league
    const { material } = await rig.link()
    expect(lifetime(material)).toBe(service.settings.access_ttl)
    expect(await rig.call(material, 'me')).toMatchObject({ verdict: 'accepted' })
    expect(service.requests.at(-1)?.headers.authorization).toBe(`token ${material.access?.value.reveal() ?? ''}`)
    service.expireAccessTokens()
    expect(await rig.call(material, 'me')).toMatchObject({ verdict: 'expired' })
    const second = after(material, await rig.renew(material))
    expect(second.refresh_token?.reveal()).not.toBe(material.refresh_token?.reveal())
    expect(await rig.call(second, 'me')).toMatchObject({ verdict: 'accepted' })
  })

  it.each([8, 9] as const)('is believed about a refresh token that was used before, of League %i', async (league) => {
    service.settings.league = league
    const { material } = await rig.link()
    after(material, await rig.renew(material))
    expect(await rig.renew(material)).toMatchObject({ kind: 'final' })
  })

  it('needs no secret of a client that was made for PKCE', async () => {
    const running = await rig.begin({
      redirect: 'paste',
      client_id: service.public_client.client_id,
      client_secret: undefined as never,
    })
    expect(new URL(running.authorization_url).searchParams.get('code_challenge_method')).toBe('S256')
    await running.submit(await service.approve(running.authorization_url))
    const { material } = signedIn(await running.done)
    expect(await rig.renew(material)).toMatchObject({ kind: 'refreshed' })
  })

  it('says declined, a wrong secret and a late code as what they are', async () => {
    expect(await rig.outcome({}, 'deny')).toMatchObject({ kind: 'refused', error: { code: 'access_denied' } })
    expect(await rig.outcome(wrongSecret)).toMatchObject({
      kind: 'refused',
      error: { message: expect.stringMatching(/invalid_client/u) as string },
    })
    const running = await rig.begin({ redirect: 'paste' })
    const back = await service.approve(running.authorization_url)
    service.advance(service.settings.code_ttl + 1)
    await running.submit(back)
    expect(await running.done).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
  })

  it.each([
    ['forbidden', 'forbidden'],
    ['rate_limited', 'accepted'],
    ['offline', 'accepted'],
  ] as const)('does not take an API that is %s for an ended token', async (api, verdict) => {
    const { material } = await rig.link()
    service.settings.api = api
    expect(await rig.call(material, 'me')).toMatchObject({ verdict })
    service.settings.api = 'normal'
  })
})

describe('email and password', () => {
  const link = async (password: string) => {
    const { email: username } = service.person
    const running = await rig.begin({ flow: 'password', person: { username, password: new Secret(password) } })
    return running.done
  }

  it('are never asked for unless the person names that way', async () => {
    const running = await rig.begin({ redirect: 'paste' })
    expect(running.flow).toBe('browser')
    running.cancel()
    await expect(rig.begin({ flow: 'password' })).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it.each(['nested', 'flat'] as const)(
    'bring a token, whole as it came, from a %s answer; the password is kept nowhere',
    async (shape) => {
      service.settings.api_tokens = shape
      const outcome = await link(service.person.password)
      const { material } = signedIn(outcome)
      expect(material.access?.value.reveal()).toContain(':')
      expect(material).toMatchObject({ refresh_token: null, connection: { renew: 'sign_in' } })
      expect(await rig.call(material, 'me')).toMatchObject({ verdict: 'accepted' })
      expect(service.requests.find(({ path }) => path === '/api/v2/api_tokens')).toMatchObject({
        encoding: 'json',
        headers: expect.not.objectContaining({ authorization: expect.anything() as unknown }) as object,
      })
      expect(`${everythingVisible(outcome)}${JSON.stringify(material.connection)}`).not.toContain(
        service.person.password,
      )
    },
  )

  it('that are wrong are said to be, and quoted nowhere', async () => {
    const outcome = await link('wrong-password')
    expect(outcome).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
    expect(everythingVisible(outcome)).not.toContain('wrong-password')
  })
})
