/** Providers with hosts of their tenants: whose account is whose, and where a stored secret goes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Secret } from '../../main/broker/secret.ts'
import { signedIn } from '../fakes/real-servers.ts'
import { startTextmaster, type Textmaster } from '../fakes/services/textmaster.ts'
import { rigFor } from '../setup/services.ts'

let here: Textmaster
let there: Textmaster
beforeAll(async () => {
  here = await startTextmaster({ any_loopback_port: true })
  there = await startTextmaster({ any_loopback_port: true })
})
afterAll(async () => {
  await here.stop()
  await there.stop()
})
const at = (service: Textmaster) => rigFor('textmaster', service, { host: service.host, api_host: service.host })

describe('two tenants of one provider', () => {
  it('are two issuers, so that accounts which number alike are not taken for one', async () => {
    const [first, second] = [await at(here).link(), await at(there).link()]
    expect(first.identity.subject).toBe(second.identity.subject)
    expect(first.identity.issuer).not.toBe(second.identity.issuer)
    expect(first.material.connection.issuer).toBe(first.identity.issuer)
  })

  it('do not get each other’s stored client secret', async () => {
    const { material } = await at(here).link()
    const { connection } = material
    const seen = there.requests.length
    const stored = { client_secret: new Secret(here.client.client_secret), secret_of: connection }
    await expect(at(there).begin({ redirect: 'paste', ...stored })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/give it again/u) as string,
    })
    expect(there.requests).toHaveLength(seen)
    const again = await at(here).begin({ redirect: 'paste', ...stored })
    await again.submit(await here.approve(again.authorization_url))
    expect(signedIn(await again.done).material.connection.client_secret?.reveal()).toBe(here.client.client_secret)
  })
})

describe('a code that is shown', () => {
  it('is not taken from another sign-in’s address, nor twice in one', async () => {
    const running = await at(here).begin({ redirect: 'oob' })
    const code = await here.approve(running.authorization_url)
    for (const address of [
      `?code=${code}&state=another`,
      `?code=${code}&code=${code}`,
      '?error=access_denied',
      '?code=',
    ])
      await expect(running.submit(`${here.origin}/oauth/authorize/native${address}`)).rejects.toMatchObject({
        code: 'invalid_request',
      })
    await running.submit(code)
    expect(await running.done).toMatchObject({ kind: 'signed-in' })
  })
})
