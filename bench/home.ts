/**
 * Homes filled through the vault's own interface, so that a daemon finds linked accounts, a paired client and consents
 * without a browser. The rule: what a sign-in would have stored is stored, by the code that would have stored it.
 */
import { writeFileSync } from 'node:fs'
import { hashToken, newClientToken } from '../main/broker/ids.ts'
import type { AccountRecord, Connection, GrantMaterial, Vault } from '../main/broker/ports.ts'
import { Secret } from '../main/broker/secret.ts'
import { homePaths, type HomePaths } from '../main/contract/home.ts'
import { systemClock, systemRandomness } from '../main/daemon/clock.ts'
import { createSlots } from '../main/daemon/slots.ts'
import { bootName } from '../main/vault/boot.ts'
import { openVault, type SqliteVault } from '../main/vault/vault.ts'

/** An account to be linked. */
export interface Plan {
  /** Also its id and label. */
  readonly name: string
  /** The port of the token endpoint; 0 for one that is never asked. */
  readonly port: number
  readonly rotation?: Connection['rotation']
  /** Its access token is over. */
  readonly expired?: boolean
  /** Its access token has an hour left of a day. */
  readonly worn?: boolean
}

const hour = 3600
const now = (): number => Math.floor(Date.now() / 1000)

/** What is sealed of an account: with a token of 1.2 kB, about 1.7 kB in all. */
export function materialOf({ name, port, rotation = 'never', expired = false, worn = false }: Plan): GrantMaterial {
  const issuer = `http://127.0.0.1:${String(port)}/${name}`
  return {
    connection: {
      provider: 'generic-oidc',
      issuer,
      token_endpoint: `${issuer}/token`,
      client_id: 'bench',
      token_endpoint_auth_method: 'none',
      insecure_loopback: true,
      rotation,
      authorization_template: 'Bearer ${access_token}',
      api_base_urls: [],
      params: { issuer },
      requested_scope: '',
    },
    refresh_token: new Secret(`rt-${name}`),
    access: {
      value: new Secret(Buffer.from(systemRandomness.bytes(900)).toString('base64url')),
      token_type: 'Bearer',
      scope: '',
      obtained_at: now() - (expired ? 2 : worn ? 23 : 0) * hour,
      // A day, so that the digits of its remaining seconds, and with them the size of the answer, stay the same.
      expires_at: now() + (expired ? -1 : worn ? 1 : 24) * hour,
    },
  }
}

function recordOf({ name, port }: Plan): AccountRecord {
  return {
    id: name,
    provider: 'generic-oidc',
    provider_name: 'Generic OpenID Connect',
    label: name,
    issuer: `http://127.0.0.1:${String(port)}/${name}`,
    subject: name,
    scope: '',
    renewable: true,
    linked_at: now(),
    standing: 'connected',
  }
}

export const pathsOf = (home: string): HomePaths => homePaths({ VALETKEY_HOME: home }, process.platform)

/** The vault of a home as the daemon opens it; a new one where there is none. */
export async function openVaultIn(home: string): Promise<SqliteVault> {
  const paths = pathsOf(home)
  const vault = await openVault({
    paths,
    slots: createSlots('key-file', paths, systemClock),
    clock: systemClock,
    randomness: systemRandomness,
    log: () => undefined,
    boot: bootName(process.platform),
  })
  if (vault.state() !== 'unlocked') throw new Error(`the vault in ${home} is ${vault.state()}: ${vault.notice() ?? ''}`)
  return vault
}

/** Links accounts, each in a commit of its own. */
export async function linkAll(vault: Vault, plans: readonly Plan[]): Promise<void> {
  for (const plan of plans) await vault.link(recordOf(plan), materialOf(plan))
}

/** `count` accounts nobody asks for. */
export function fillers(count: number): readonly Plan[] {
  return Array.from({ length: count }, (_, index) => ({ name: `account-${String(index)}`, port: 0 }))
}

/**
 * Fills a new home: `asked` and `others` are linked, and the command line's own client, which is answered, may read what
 * is `asked`. Closed again afterwards, with the backup that an idle daemon would have taken.
 */
export async function fillHome(home: string, asked: readonly Plan[], others: readonly Plan[]): Promise<Secret> {
  const vault = await openVaultIn(home)
  const token = newClientToken(systemRandomness)
  try {
    await linkAll(vault, [...asked, ...others])
    await vault.saveClient({
      id: 'cli',
      name: 'cli',
      kind: 'cli',
      paired_at: now(),
      token_hash: hashToken(token.reveal()),
    })
    for (const { name } of asked)
      await vault.saveGrant({
        id: `consent-${name}`,
        client_id: 'cli',
        account_id: name,
        scope: '',
        right: 'read',
        granted_at: now(),
        until: null,
      })
    writeFileSync(pathsOf(home).cliToken, `${token.reveal()}\n`, { mode: 0o600, flag: 'wx' })
    await vault.tend()
  } finally {
    vault.close()
  }
  return token
}
