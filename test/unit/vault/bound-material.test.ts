/** The keys of an account in its sealed material: they come back as they went in, and nothing of them lies open. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Connection, GrantMaterial } from '../../../main/broker/ports.ts'
import { Secret } from '../../../main/broker/secret.ts'
import { decodeMaterial, encodeMaterial } from '../../../main/vault/material.ts'
import { everythingVisible } from '../../fakes/real-servers.ts'
import { account, material } from './material.ts'
import { createHome } from './rig.ts'

const keys = { client_key: new Secret('{"d":"of-the-client-1"}'), dpop_key: new Secret('{"d":"of-the-account-1"}') }
const bound: Partial<Connection> = {
  ...keys,
  token_endpoint_auth_method: 'private_key_jwt',
  registered: true,
  requested_resource: 'https://api.example/',
}

function boundMaterial(): GrantMaterial {
  const plain = material('rt-1')
  const access = plain.access && { ...plain.access, token_type: 'DPoP' }
  return { ...plain, access, connection: { ...plain.connection, ...bound } }
}

describe('keys', () => {
  it('come back as secrets, member by member', () => {
    const back = decodeMaterial(encodeMaterial(boundMaterial()))
    expect(back).toEqual(boundMaterial())
    for (const name of ['client_key', 'dpop_key'] as const)
      expect(back.connection[name]?.reveal()).toBe(keys[name].reveal())
    expect(everythingVisible(back)).not.toMatch(/of-the-(?:client|account)-1/u)
  })

  it('are what the vault gives back after a restart, and are in none of its files as they are', async () => {
    const home = createHome()
    const first = await home.open()
    await first.link(account('a', { use_only: true }), boundMaterial())
    first.close()
    const entries = readdirSync(home.paths.home, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    expect(files).not.toHaveLength(0)
    for (const file of files)
      expect(readFileSync(join(file.parentPath, file.name)).toString('latin1')).not.toMatch(
        /of-the-(?:client|account)-1/u,
      )
    const second = await home.open()
    expect((await second.grant('a'))?.material).toEqual(boundMaterial())
    expect(await second.accounts()).toEqual([account('a', { use_only: true })])
  })
})
