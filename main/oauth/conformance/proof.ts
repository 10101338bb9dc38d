/**
 * What stands before the emulated provider where a definition wants more than a secret: proofs of the account's key with
 * every request for tokens and with every token (RFC 9449), assertions by the client's key (RFC 7523), the resource that
 * tokens are for (RFC 8707). The rule: it demands what the definition says, verifies for itself, shares no code with what
 * signs, and hands on to the emulator the request as it would be without.
 */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  verify,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import type { ProviderDefinition } from '../../providers/provider.ts'
import { fill, type Values } from '../../providers/template.ts'
import type { HttpAnswer, HttpRequest } from '../http.ts'
import { requestOf, type Emulator } from './emulator.ts'

/** What the emulator is told is the client's secret: only a good assertion is handed on as it. */
export const ASSERTED = randomBytes(24).toString('base64url')
/** Seconds an assertion or a proof may lie in the future or the past. */
const SLACK = 300

export interface ClientKey {
  readonly pem: string
  readonly publicKey: KeyObject
}

export function newClientKey(): ClientKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey }
}

interface Wanted {
  readonly definition: ProviderDefinition
  readonly values: Values
  readonly client_id: string
  readonly client_key: KeyObject | undefined
}

type Members = Readonly<Record<string, unknown>>

/** The endpoints of the emulator's metadata (RFC 8414 section 2). */
type Server = Readonly<Record<string, string | undefined>>

interface Jwt {
  readonly header: Members
  readonly claims: Members
  signedBy(key: KeyObject): boolean
}

/** The emulator, behind the demands of its definition; as it is where there are none. */
export function demandProof(emulator: Emulator, { definition, values, client_id, client_key }: Wanted): Emulator {
  const { indicator } = definition.resource
  if (definition.dpop === undefined && !client_key && indicator === undefined) return emulator
  const metadata = emulator
    .http({ url: 'https://op.example/.well-known/', method: 'GET', headers: {}, max_bytes: 0, timeout: 0 })
    .then(({ body }) => (parse(body ?? '') ?? {}) as Server)
  const complaints: string[] = []
  const used = new Set<unknown>()
  const nonce = randomBytes(12).toString('base64url')
  const bound = { announced: undefined as string | null | undefined, key: undefined as string | undefined }

  /** What is wrong with the proof of a request; its key's thumbprint otherwise. */
  const judgeProof = (request: HttpRequest, token?: string): { readonly wrong: string } | { readonly jkt: string } => {
    const proof = readJwt(fieldOf(request, 'dpop') ?? '')
    const jwk = proof?.header['jwk']
    if (!proof || typeof jwk !== 'object' || jwk === null) return { wrong: 'no proof of a key' }
    const { crv, kty, x, y } = jwk as Members
    const { claims, header } = proof
    const wrong =
      Object.hasOwn(jwk, 'd') || !proof.signedBy(createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }))
        ? 'a signature that does not verify'
        : header['typ'] !== 'dpop+jwt' || header['alg'] !== 'ES256'
          ? 'a JWT that is no proof'
          : claims['htm'] !== request.method || claims['htu'] !== request.url.split(/[?#]/u)[0]
            ? 'a proof of another request'
            : token !== undefined && claims['ath'] !== createHash('sha256').update(token).digest('base64url')
              ? 'a proof for another token'
              : !isNear(claims['iat']) || used.has(claims['jti'])
                ? 'a proof that is old, or was used before'
                : undefined
    used.add(claims['jti'])
    if (wrong !== undefined) return { wrong }
    return { jkt: createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url') }
  }

  const tokens = async (request: HttpRequest, server: Server): Promise<HttpAnswer> => {
    if (definition.dpop === undefined) return emulator.http(asserted(request, server))
    const judged = judgeProof(request)
    const proof = readJwt(fieldOf(request, 'dpop') ?? '')
    if ('wrong' in judged) {
      complaints.push(`tokens were asked for with ${judged.wrong}`)
      return refusal('invalid_dpop_proof')
    }
    if (proof?.claims['nonce'] !== nonce) return refusal('use_dpop_nonce', { 'dpop-nonce': nonce })
    const renewal = (request.body ?? '').includes('refresh_token') && bound.key !== undefined
    if (renewal && bound.key !== judged.jkt) complaints.push('a refresh token was used with another key than its own')
    if (!renewal && bound.announced !== undefined && bound.announced !== judged.jkt)
      complaints.push('the key is not the one of the authorization request (dpop_jkt)')
    if (!renewal) bound.key = judged.jkt
    const answer = await emulator.http(asserted(request, server))
    const body = parse(answer.body ?? '')
    if (!body || !Object.hasOwn(body, 'token_type')) return answer
    return { ...answer, body: JSON.stringify({ ...body, token_type: 'DPoP' }) }
  }

  /** An API call, its token under the scheme that the emulator knows. */
  const proven = (request: HttpRequest, authorization: string): HttpRequest => {
    const token = /^DPoP (.+)$/u.exec(authorization)?.[1]
    if (token === undefined) {
      complaints.push('the API was called with a token alone')
      return request
    }
    const judged = judgeProof(request, token)
    if ('wrong' in judged) complaints.push(`the API was called with ${judged.wrong}`)
    else if (judged.jkt !== bound.key) complaints.push('the API was called with another key than the token’s')
    const { template } = definition.resource.authorization
    return { ...request, headers: { ...request.headers, authorization: template.replace('${access_token}', token) } }
  }

  /** With the secret the emulator knows in place of a good assertion. A JWT looks the same in every encoding of ours. */
  const asserted = (request: HttpRequest, server: Server): HttpRequest => {
    if (!client_key) return request
    const text = `${request.url} ${request.body ?? ''}`
    const [assertion = ''] = /eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/u.exec(text) ?? []
    const wrong = judgeAssertion(assertion, client_key, server)
    if (wrong !== undefined) complaints.push(`the client authenticated with ${wrong}`)
    if (!/client[._-]assertion[._-]type/u.test(text)) complaints.push('client_assertion_type is missing')
    if (wrong !== undefined) return request
    const put = (part: string): string =>
      part.replace(assertion, ASSERTED).replaceAll(/client_assertion(?!_type)/gu, 'client_secret')
    return { ...request, url: put(request.url), ...(request.body !== undefined && { body: put(request.body) }) }
  }

  const judgeAssertion = (assertion: string, key: KeyObject, server: Server): string | undefined => {
    const jwt = readJwt(assertion)
    if (!jwt) return 'no assertion'
    const { iss, sub, aud, exp, jti } = jwt.claims
    const audience =
      definition.client.client_assertion_audience === 'token_endpoint' || server['issuer'] === ''
        ? server['token_endpoint']
        : server['issuer']
    if (!jwt.signedBy(key)) return 'a signature that does not verify'
    if (iss !== client_id || sub !== client_id) return 'an assertion of another client'
    if (aud !== audience) return 'an assertion for somebody else'
    if (!isNear(exp) || jti === undefined || used.has(jti)) return 'an assertion that is old, or was used before'
    used.add(jti)
    return undefined
  }

  /** RFC 8707 section 2, unless a request is said to be without. */
  const resource = indicator === undefined ? undefined : fill(indicator, values)
  const demandResource = (what: string, text: string): void => {
    const requests = [definition.authorization_request, ...Object.values(definition.grants ?? {})]
    const changed = requests.some((one) =>
      [...(one?.omit ?? []), ...Object.keys(one?.rename ?? {})].includes('resource'),
    )
    if (resource === undefined || changed) return
    if (!text.includes(resource) && !text.includes(encodeURIComponent(resource)))
      complaints.push(`${what}: the resource is missing`)
  }

  const own = Object.values(definition.grants ?? {}).map(({ endpoint }) => endpoint && fill(endpoint, values))
  const clientPlaces = (server: Server): readonly (string | undefined)[] => [
    ...['pushed_authorization_request_endpoint', 'revocation_endpoint', 'device_authorization_endpoint'].map(
      (name) => server[name],
    ),
    ...own,
  ]
  return {
    ...emulator,
    http: async (request) => {
      const server = await metadata
      const path = request.url.split('?')[0] ?? ''
      const authorization = fieldOf(request, 'authorization') ?? ''
      if (path === server['token_endpoint'] || own.includes(path))
        demandResource('token request', `${request.url} ${request.body ?? ''}`)
      if (path === server['token_endpoint']) return tokens(request, server)
      if (clientPlaces(server).includes(path)) return emulator.http(asserted(request, server))
      if (path.includes('/.well-known/')) return published(await emulator.http(request))
      return emulator.http(definition.dpop === undefined ? request : proven(request, authorization))
    },
    authorize: (url, choice) => {
      demandResource('authorization', requestOf(url).toString())
      if (definition.dpop !== undefined) bound.announced = requestOf(url).get('dpop_jkt')
      if (bound.announced === null) complaints.push('authorization: no dpop_jkt')
      return emulator.authorize(url, choice)
    },
    get complaints() {
      return [...emulator.complaints, ...complaints]
    },
  }
}

/** RFC 9449 section 5.1 and RFC 8414 section 2: what such a provider publishes beside the rest. */
function published(answer: HttpAnswer): HttpAnswer {
  const algorithms = { dpop_signing_alg_values_supported: ['ES256'] }
  const methods = { token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic'] }
  return { ...answer, body: JSON.stringify({ ...parse(answer.body ?? ''), ...algorithms, ...methods }) }
}

const refusal = (error: string, headers: Readonly<Record<string, string>> = {}): HttpAnswer => ({
  status: 400,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ error }),
})

const fieldOf = ({ headers }: HttpRequest, name: string): string | undefined =>
  Object.entries(headers).find(([other]) => other.toLowerCase() === name)?.[1]

const isNear = (seconds: unknown): boolean =>
  typeof seconds === 'number' && Math.abs(seconds - Date.now() / 1000) <= SLACK

function parse(text: string): Members | undefined {
  try {
    return JSON.parse(text) as Members
  } catch {
    return undefined
  }
}

/** RFC 7515 section 3.1. */
function readJwt(text: string): Jwt | undefined {
  const [head = '', body = '', signature = ''] = text.split('.')
  const part = (encoded: string): Members | undefined => parse(Buffer.from(encoded, 'base64url').toString())
  const [header, claims] = [part(head), part(body)]
  if (!header || !claims) return undefined
  const input = Buffer.from(`${head}.${body}`)
  return {
    header,
    claims,
    signedBy: (key) => verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')),
  }
}
