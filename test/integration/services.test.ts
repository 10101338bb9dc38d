/**
 * PPMessage, TextMaster, blsct and Biggerplate by the definitions that come with Valetkey: linked, called with their own
 * header, expired, renewed the way each renews, declined, refused, ended. Deskpro has a file of its own.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Secret } from '../../main/broker/secret.ts'
import { startBiggerplate, type Biggerplate } from '../fakes/services/biggerplate.ts'
import { startBlsct, type Blsct } from '../fakes/services/blsct.ts'
import { startPpmessage, type Ppmessage } from '../fakes/services/ppmessage.ts'
import { startTextmaster, type Textmaster } from '../fakes/services/textmaster.ts'
import { after, lifetime, rigFor, type Rig } from '../setup/services.ts'

const wrongSecret = { client_secret: new Secret('not-the-secret') }

describe('PPMessage', () => {
  let service: Ppmessage
  let rig: Rig
  beforeAll(async () => {
    service = await startPpmessage()
    rig = rigFor('ppmessage', service, { host: service.host })
  })
  afterAll(() => service.stop())
  const ask = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }

  it.each(['exipired_in', 'expires_in'] as const)('links, and reads %s', async (member) => {
    service.settings.lifetime_member = member
    const { material } = await rig.link()
    expect(lifetime(material)).toBe(86_400)
    expect(material.refresh_token).toBeNull()
    const { verdict, body } = await rig.call(material, 'PP_GET_USER_UUID', ask)
    expect([verdict, JSON.parse(body)]).toMatchObject(['accepted', { error_code: expect.anything() as unknown }])
    expect(service.requests.at(-1)?.headers.authorization).toBe(`OAuth ${material.access?.value.reveal() ?? ''}`)
  })

  it('sends neither PKCE nor scope, and no redirect_id', async () => {
    const running = await rig.begin({ redirect: 'paste' })
    const names = [...new URL(running.authorization_url).searchParams.keys()]
    expect(names.toSorted()).toEqual(['client_id', 'redirect_uri', 'response_type', 'state'])
    running.cancel()
  })

  it('is told an ended token inside HTTP 200, and leaves renewing to the person', async () => {
    const { material } = await rig.link()
    service.expireAccessTokens()
    expect(await rig.call(material, 'PP_GET_USER_UUID', ask)).toMatchObject({ verdict: 'expired' })
    expect(material.connection).toMatchObject({ renew: 'sign_in', rotation: 'never' })
  })

  it('shows its refusals as pages: a wrong password comes back never, a wrong secret as what it may be', async () => {
    const running = await rig.begin({ redirect: 'paste' })
    expect(await service.deny(running.authorization_url)).toBe(500)
    running.cancel()
    expect(await running.done).toEqual({ kind: 'cancelled' })
    expect(await rig.outcome(wrongSecret)).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
    const unapproved = await rig.begin({ redirect: 'paste' })
    const back = new URL(await service.approve(unapproved.authorization_url))
    back.searchParams.set('code', await service.unapprovedCode())
    await unapproved.submit(back.href)
    expect(await unapproved.done).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
  })
})

describe('TextMaster', () => {
  let service: Textmaster
  let rig: Rig
  beforeAll(async () => {
    service = await startTextmaster({ any_loopback_port: true })
    rig = rigFor('textmaster', service, { host: service.host, api_host: service.host })
  })
  afterAll(() => service.stop())

  it('links with PKCE, knows who it is, calls with Bearer, and renews with a new refresh token each time', async () => {
    const { material, identity, scope } = await rig.link()
    expect([lifetime(material), identity.label, scope]).toEqual([28_800, service.person.email, 'user:read user:email'])
    expect(await rig.call(material, 'clients/users/me')).toMatchObject({ verdict: 'accepted' })
    service.expireAccessTokens()
    expect(await rig.call(material, 'clients/users/me')).toMatchObject({ verdict: 'expired' })
    const second = after(material, await rig.renew(material))
    expect(second.refresh_token?.reveal()).not.toBe(material.refresh_token?.reveal())
    expect(await rig.call(second, 'clients/users/me')).toMatchObject({ verdict: 'accepted' })
    // The old one died at once; that it is refused is the provider's word, and its challenge header hides nothing.
    expect(await rig.renew(material)).toMatchObject({
      kind: 'final',
      detail: expect.stringMatching(/invalid_grant/u) as string,
    })
    service.revokeAll()
    expect(await rig.renew(second)).toMatchObject({ kind: 'final' })
  })

  it('tells a missing permission from an ended token by the status alone', async () => {
    const { material } = await rig.link()
    service.settings.api = 'forbidden'
    expect(await rig.call(material, 'clients/users/me')).toMatchObject({ verdict: 'forbidden' })
    service.settings.api = 'normal'
  })

  it('shows its code out of band, which is pasted alone or in its page’s address', async () => {
    for (const paste of [
      (code: string) => code,
      (code: string) => `${service.origin}/oauth/authorize/native?code=${code}`,
    ]) {
      const running = await rig.begin({ redirect: 'oob' })
      await expect(running.submit('two words')).rejects.toMatchObject({ code: 'invalid_request' })
      await running.submit(paste(await service.approve(running.authorization_url)))
      expect(await running.done).toMatchObject({ kind: 'signed-in' })
    }
  })

  it('says declined, a wrong secret, fewer scopes, and a token without an end as what they are', async () => {
    expect(await rig.outcome({}, 'deny')).toMatchObject({ kind: 'refused', error: { code: 'access_denied' } })
    const refused = await rig.outcome(wrongSecret)
    expect(refused).toMatchObject({
      kind: 'refused',
      error: { message: expect.stringMatching(/invalid_client/u) as string },
    })
    service.settings.granted_scope = 'public'
    service.settings.expires = false
    const { material, scope } = await rig.link()
    expect([scope, lifetime(material)]).toEqual(['public', null])
    const changed = { ...material, connection: { ...material.connection, ...wrongSecret } }
    expect(await rig.renew(changed)).toMatchObject({ kind: 'client-configuration' })
    service.settings.granted_scope = undefined
    service.settings.expires = true
  })

  it('ends a code after ten minutes', async () => {
    const running = await rig.begin({ redirect: 'paste' })
    const back = await service.approve(running.authorization_url)
    service.advance(601)
    await running.submit(back)
    expect(await running.done).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
  })
})

describe('blsct', () => {
  let service: Blsct
  let rig: Rig
  beforeAll(async () => {
    service = await startBlsct()
    rig = rigFor('coupang-blsct', service, { host: service.host, api_host: service.host })
  })
  afterAll(() => service.stop())
  const linked = async () => {
    const outcome = await (await rig.begin()).done
    if (outcome.kind !== 'signed-in') throw new Error(JSON.stringify(outcome))
    return outcome.material
  }

  it.each(['camelCase', 'snake_case'] as const)(
    'links without a browser, in %s, and takes the prefix off',
    async (spelling) => {
      service.settings.spelling = spelling
      const material = await linked()
      expect(material.access?.value.reveal()).toMatch(/^eyJ/u)
      expect(lifetime(material)).toBe(3600)
      expect(service.requests.at(-1)).toMatchObject({ encoding: 'json' })
      expect(Object.keys(service.requests.at(-1)?.params ?? {}).toSorted()).toEqual(['app_id', 'app_key', 'app_secret'])
    },
  )

  it.each(['app_key', 'app_secret'] as const)('is known by a server that reads %s alone', async (member) => {
    service.settings.secret_member = member
    expect(await linked()).toMatchObject({ refresh_token: null, connection: { renew: 'reobtain' } })
    service.settings.secret_member = 'either'
  })

  it('takes the end from the token where the answer names none, and other prefixes or none', async () => {
    service.settings.say_lifetime = false
    for (const prefix of ['Bearer ', 'bearer ', '']) {
      service.settings.prefix = prefix
      const material = await linked()
      expect(material.access?.value.reveal()).toMatch(/^eyJ/u)
      expect(lifetime(material)).toBeGreaterThan(3590)
    }
    service.settings.say_lifetime = true
    service.settings.prefix = 'Bearer '
  })

  it.each([401, 200] as const)(
    'sees an ended token under HTTP %i, and gets another by the same grant',
    async (status) => {
      service.settings.refusal_status = status
      const material = await linked()
      expect(await rig.call(material, 'product/get')).toMatchObject({ verdict: 'accepted' })
      service.expireAccessTokens()
      expect(await rig.call(material, 'product/get')).toMatchObject({ verdict: 'expired' })
      const second = after(material, await rig.renew(material))
      expect(second.access?.value.reveal()).not.toBe(material.access?.value.reveal())
      expect(await rig.call(second, 'product/get')).toMatchObject({ verdict: 'accepted' })
    },
  )

  it.each(['in_band', 'http'] as const)('says a wrong secret for what it is, %s', async (errors) => {
    service.settings.errors = errors
    const refused = await (await rig.begin(wrongSecret)).done
    expect(refused).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
    const material = await linked()
    const changed = { ...material, connection: { ...material.connection, ...wrongSecret } }
    expect(await rig.renew(changed)).toMatchObject({ kind: expect.stringMatching(/^client-configuration$/u) as string })
    service.settings.failure = 500
    expect(await rig.renew(material)).toMatchObject({ kind: 'transient' })
    service.settings.failure = undefined
  })
})

describe('Biggerplate', () => {
  let service: Biggerplate
  let rig: Rig
  beforeAll(async () => {
    service = await startBiggerplate({ require_response_type_token: true })
    rig = rigFor('biggerplate', service, { host: service.host, api_host: service.host })
  })
  afterAll(() => service.stop())

  it.each(['both', 'expires', 'expires_in'] as const)('links, and reads its lifetime from %s', async (member) => {
    service.settings.lifetime = member
    const { material, identity } = await rig.link()
    expect(lifetime(material)).toBeGreaterThanOrEqual(service.settings.access_ttl - 2)
    expect(lifetime(material)).toBeLessThanOrEqual(service.settings.access_ttl)
    expect(identity.label).toBeDefined()
    expect(await rig.call(material, 'users/me')).toMatchObject({ verdict: 'accepted' })
  })

  it('is not misled by a server whose clock is an hour ahead', async () => {
    service.settings.lifetime = 'expires'
    service.settings.clock_skew = 3600
    const { material } = await rig.link()
    expect(lifetime(material)).toBeLessThanOrEqual(service.settings.access_ttl)
    service.settings.lifetime = 'both'
    service.settings.clock_skew = 0
  })

  it.each([false, true])('renews; refresh tokens replaced: %s', async (rotate) => {
    service.settings.rotate = rotate
    const { material } = await rig.link()
    service.expireAccessTokens()
    expect(await rig.call(material, 'users/me')).toMatchObject({ verdict: 'expired' })
    const second = after(material, await rig.renew(material))
    expect(second.refresh_token?.reveal() !== material.refresh_token?.reveal()).toBe(rotate)
    expect(await rig.call(second, 'users/me')).toMatchObject({ verdict: 'accepted' })
  })

  it.each(['error_description', 'error_message'] as const)(
    'believes the end of a grant that it says by %s',
    async (member) => {
      service.settings.error_member = member
      const { material } = await rig.link()
      service.revokeAll()
      expect(await rig.renew(material)).toMatchObject({
        kind: 'final',
        detail: expect.stringMatching(/refresh token is invalid/iu) as string,
      })
    },
  )

  it('says declined with and without words, a wrong secret, and a used code', async () => {
    for (const says of [true, false]) {
      service.settings.deny_message = says
      expect(await rig.outcome({}, 'deny')).toMatchObject({ kind: 'refused', error: { code: 'access_denied' } })
    }
    expect(await rig.outcome(wrongSecret)).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
    const running = await rig.begin({ redirect: 'paste' })
    const back = await service.approve(running.authorization_url)
    service.advance(service.settings.code_ttl + 1)
    await running.submit(back)
    expect(await running.done).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
  })
})
