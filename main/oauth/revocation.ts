/**
 * Ending a grant in a provider's own way (definition key `revocation`), where that is not RFC 7009. The rule: the request
 * is the one that was frozen with the connection and goes where that says; a grant has ended only when the provider says
 * so in the way its definition describes; and nothing is thrown.
 */
import type { Connection, GrantMaterial, RefreshOutcome, RevokeOutcome } from '../broker/ports.ts'
import type { Secret } from '../broker/secret.ts'
import type { Revocation } from '../providers/provider.ts'
import { HttpFault, type Http, type HttpAnswer, type HttpRequest } from './http.ts'
import { quoted } from './plain-text.ts'
import { firstAt, holds } from './pointer.ts'
import { rulesOf, secretsOf } from './rules.ts'

/** Milliseconds, and bytes of an answer that says yes or no. */
const TIME = 15_000
const BYTES = 65_536

/** Asks for each token that the definition names and that there is; the first one decides. `agent`: the User-Agent. */
export async function revokeAsDefined(
  http: Http,
  agent: string,
  revocation: Revocation,
  { connection, refresh_token, access }: GrantMaterial,
): Promise<RevokeOutcome> {
  if (revocation.auth === 'client_basic' && !connection.client_secret)
    return {
      kind: 'unsupported',
      detail: 'The provider lets only a client with a secret end a grant; end it in your settings there.',
    }
  const held = { refresh_token, access_token: access?.value ?? null }
  const secrets = [...secretsOf(connection), ...Object.values(held).filter((token) => token !== null)]
  const outcomes: RevokeOutcome[] = []
  for (const hint of revocation.token ?? ['access_token']) {
    const token = held[hint]
    if (token)
      outcomes.push(await send(http, requestOf(revocation, connection, { token, hint, agent }), connection, secrets))
  }
  return outcomes[0] ?? { kind: 'unsupported', detail: 'There was no token to revoke.' }
}

/**
 * The material with a token that is good, got by `renew` where the one there is has ended: a grant that is ended by its
 * access token could else be ended only in that token's short life. What comes is kept nowhere, as the grant ends with it.
 * `now`: milliseconds since the epoch.
 */
export async function withLiveToken(
  material: GrantMaterial,
  now: number,
  renew: () => Promise<RefreshOutcome>,
): Promise<GrantMaterial> {
  const { access, refresh_token, connection } = material
  const over = access === null || (access.expires_at !== null && access.expires_at * 1000 <= now)
  if (!over || (refresh_token === null && connection.renew !== 'reobtain')) return material
  const outcome = await renew()
  return outcome.kind === 'refreshed'
    ? { ...material, access: outcome.access, refresh_token: outcome.refresh_token ?? refresh_token }
    : material
}

/** Where it goes once the client is known; a client id is one segment of the path, whatever is in it. */
export const revocationUrl = ({ url }: Revocation, clientId: string): string =>
  url.replaceAll('${client_id}', () => encodeURIComponent(clientId))

function requestOf(
  revocation: Revocation,
  { client_id, client_secret }: Connection,
  { token, hint, agent }: { readonly token: Secret; readonly hint: string; readonly agent: string },
): HttpRequest {
  const { auth, method = 'POST', content_type = 'form', params, headers = {} } = revocation
  const known: Readonly<Record<string, string>> = {
    ...{ token: token.reveal(), token_type_hint: hint },
    ...{ client_id, client_secret: client_secret?.reveal() ?? '' },
  }
  const put = (template: string): string =>
    template.replaceAll(/\$\{([a-z_]+)\}/gu, (place, name: string) => known[name] ?? place)
  const filled = params && Object.fromEntries(Object.entries(params).map(([name, text]) => [name, put(text)]))
  // RFC 7617: as they are. These endpoints are APIs, which do not decode as RFC 6749 section 2.3.1 has it.
  const basic = Buffer.from(`${client_id}:${known['client_secret'] ?? ''}`).toString('base64')
  return {
    url: revocationUrl(revocation, client_id),
    method,
    headers: {
      accept: 'application/json',
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
      'user-agent': agent,
      ...(auth === 'client_basic' && { authorization: `Basic ${basic}` }),
      ...(auth === 'bearer' && { authorization: `Bearer ${token.reveal()}` }),
      ...(filled && {
        'content-type': content_type === 'json' ? 'application/json' : 'application/x-www-form-urlencoded',
      }),
    },
    ...(filled && {
      body: content_type === 'json' ? JSON.stringify(filled) : new URLSearchParams(filled).toString(),
    }),
    max_bytes: BYTES,
    timeout: TIME,
  }
}

async function send(
  http: Http,
  request: HttpRequest,
  connection: Connection,
  secrets: readonly Secret[],
): Promise<RevokeOutcome> {
  let answer: HttpAnswer
  try {
    answer = await http(request)
  } catch (thrown) {
    const why = thrown instanceof HttpFault ? thrown.message : 'the exchange failed'
    return { kind: 'failed', detail: `The provider could not be asked: ${why}.` }
  }
  const { revocation, error: reading } = rulesOf(connection)
  const body = jsonOf(answer.body)
  const succeeded = answer.status >= 200 && answer.status <= 299
  if (succeeded && (revocation?.success_when ?? []).every((predicate) => holds(predicate, answer, body)))
    return { kind: 'revoked' }
  const error = firstAt(body, reading?.code ?? ['/error'])
  const words = firstAt(body, [...(reading?.description ?? ['/error_description']), '/message'])
  const said = typeof error === 'string' || typeof words === 'string'
  return {
    kind: 'failed',
    detail: said
      ? `The provider answered ${quoted(typeof error === 'string' ? error : String(answer.status), words, secrets)}`
      : `The provider answered with status ${String(answer.status)} and did not say that the grant has ended.`,
  }
}

function jsonOf(text: string | null): unknown {
  try {
    return text === null ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}
