/**
 * Ending a grant at the provider (RFC 7009). The rule: the refresh token first, because its revocation is the one that
 * counts; the access token after it as a courtesy; and nothing is thrown, since a person who unlinks is unlinked anyway.
 */
import type { GrantMaterial, RevokeOutcome } from '../broker/ports.ts'
import type { Secret } from '../broker/secret.ts'
import { configurationOf, type OpenidClient } from './configuration.ts'
import { HttpFault } from './http.ts'
import { quoted } from './plain-text.ts'
import { secretsOf } from './rules.ts'
import type { TokenFetch } from './token-fetch.ts'

export async function revoke(
  oc: OpenidClient,
  fetch: TokenFetch,
  { connection, refresh_token, access }: GrantMaterial,
): Promise<RevokeOutcome> {
  if (connection.revocation_endpoint === undefined)
    return { kind: 'unsupported', detail: 'The provider offers no way to revoke tokens.' }
  const secrets = [...[refresh_token, access?.value].filter((token) => !!token), ...secretsOf(connection)]
  const send = async (token: Secret, token_type_hint: 'refresh_token' | 'access_token'): Promise<RevokeOutcome> => {
    try {
      await oc.tokenRevocation(configurationOf(oc, connection, fetch), token.reveal(), { token_type_hint })
      return { kind: 'revoked' }
    } catch (thrown) {
      return { kind: 'failed', detail: reasonOf(oc, thrown, secrets) }
    }
  }
  const outcomes: RevokeOutcome[] = []
  if (refresh_token) outcomes.push(await send(refresh_token, 'refresh_token'))
  if (access) outcomes.push(await send(access.value, 'access_token'))
  return outcomes[0] ?? { kind: 'unsupported', detail: 'There was no token to revoke.' }
}

function reasonOf(oc: OpenidClient, thrown: unknown, secrets: readonly Secret[]): string {
  if (thrown instanceof oc.ResponseBodyError)
    return `The provider answered ${quoted(thrown.error, thrown.error_description, secrets)}`
  for (let error = thrown; error instanceof Error; error = error.cause)
    if (error instanceof HttpFault) return `The provider could not be asked: ${error.message}.`
  return 'The provider refused to revoke the token.'
}
