/** Accounts and grant material that can be told apart, for the vault's tests and for the children they start. */
import type { AccountRecord, GrantMaterial } from '../../../main/broker/ports.ts'
import { Secret } from '../../../main/broker/secret.ts'
import type { SqliteVault } from '../../../main/vault/vault.ts'
import { connection } from '../../fakes/broker-ports.ts'

export function account(id: string, changes: Partial<AccountRecord> = {}): AccountRecord {
  return {
    id,
    provider: 'generic-oidc',
    provider_name: 'Example',
    label: `${id}@example`,
    issuer: 'https://op.example',
    scope: 'openid mail',
    renewable: true,
    linked_at: 1_800_000_000,
    standing: 'connected',
    ...changes,
  }
}

/** Material whose refresh token is `refresh`, its access token `at-` and the same. */
export function material(refresh: string): GrantMaterial {
  return {
    connection: { ...connection, params: { ...connection.params }, client_secret: new Secret('cs-of-the-client') },
    refresh_token: new Secret(refresh),
    access: {
      value: new Secret(`at-${refresh}`),
      token_type: 'Bearer',
      scope: 'openid mail',
      obtained_at: 1_800_000_000,
      expires_at: 1_800_003_600,
    },
  }
}

/** The refresh token and generation a vault offers; `null` when there is no grant. */
export async function offer(
  vault: SqliteVault,
  id: string,
): Promise<{ readonly generation: number; readonly refresh: string | null } | null> {
  const stored = await vault.grant(id)
  return stored && { generation: stored.generation, refresh: stored.material.refresh_token?.reveal() ?? null }
}
