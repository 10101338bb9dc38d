/**
 * Grant material as bytes to seal, and back. The rule: written member by member and read back strictly, so nothing is
 * sealed that could not be opened again, and no member slips in or out unseen.
 */
import type { AccessToken, Connection, GrantMaterial } from '../broker/ports.ts'
import { Secret } from '../broker/secret.ts'
import { boolean, list, object, oneOf, optional, record, type Parser } from '../contract/parse.ts'
import { Damage } from './database.ts'
import { number, string } from './records.ts'

const secret: Parser<Secret> = (value, path) => new Secret(string(value, path))
const orNull =
  <T>(parser: Parser<T>): Parser<T | null> =>
  (value, path) =>
    value === null ? null : parser(value, path)

const connection: Parser<Connection> = object({
  provider: string,
  issuer: string,
  token_endpoint: string,
  revocation_endpoint: optional(string),
  userinfo_endpoint: optional(string),
  client_id: string,
  client_secret: optional(secret),
  client_key: optional(secret),
  token_endpoint_auth_method: oneOf('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'),
  registered: optional(boolean),
  dpop_key: optional(secret),
  insecure_loopback: boolean,
  rotation: oneOf('always', 'maybe', 'never'),
  authorization_template: string,
  api_base_urls: list(string, 1024),
  basic_authentication: optional(object({ base_urls: list(string, 1024), username: optional(string) })),
  params: record(string, 1024),
  requested_scope: string,
  requested_resource: optional(string),
  rules: optional(string),
  flow: optional(oneOf('device', 'client-credentials', 'password')),
  renew: optional(oneOf('reobtain', 'sign_in')),
})

const access: Parser<AccessToken> = object({
  value: secret,
  token_type: string,
  scope: string,
  obtained_at: number,
  expires_at: orNull(number),
})

const material: Parser<GrantMaterial> = object({
  connection,
  refresh_token: orNull(secret),
  access: orNull(access),
})

/** Throws `Damage` when the result could not be read back. */
export function encodeMaterial(value: GrantMaterial): Buffer {
  const { connection: to, refresh_token, access: token } = value
  const plain = {
    connection: {
      ...to,
      ...(to.client_secret && { client_secret: to.client_secret.reveal() }),
      ...(to.client_key && { client_key: to.client_key.reveal() }),
      ...(to.dpop_key && { dpop_key: to.dpop_key.reveal() }),
    },
    refresh_token: refresh_token?.reveal() ?? null,
    access: token && { ...token, value: token.value.reveal() },
  }
  judge(() => material(plain, ''))
  return Buffer.from(JSON.stringify(plain))
}

/** Throws `Damage` when the bytes are not grant material. */
export function decodeMaterial(bytes: Uint8Array): GrantMaterial {
  return judge(() => material(JSON.parse(Buffer.from(bytes).toString('utf8')), ''))
}

function judge(read: () => GrantMaterial): GrantMaterial {
  try {
    return read()
  } catch (cause) {
    // The cause would quote the text, which holds tokens.
    throw new Damage(`not grant material: ${cause instanceof SyntaxError ? 'not JSON' : String(cause)}`)
  }
}
