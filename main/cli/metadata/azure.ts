/**
 * The two managed-identity endpoints of Azure that its client libraries ask: the instance metadata service
 * (https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token) and App Service
 * (https://learn.microsoft.com/azure/app-service/overview-managed-identity). The rule: `Metadata: true`, or the secret
 * in `X-IDENTITY-HEADER`, comes first; numbers are strings, and errors have the shape the libraries read them in.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { BrokerError } from '../../contract/errors.ts'
import { resourceScope } from './azure-scopes.ts'
import {
  lifetime,
  now,
  statusOf,
  wordsOf,
  type Cloud,
  type MetadataAnswer,
  type MetadataRequest,
  type TokenSource,
  type Variables,
} from './metadata.ts'

const instancePath = '/metadata/identity/oauth2/token'
const appServicePath = '/msi/token'
/** The oldest version of the instance metadata service with tokens; newer ones answer alike. */
const instanceVersion = '2018-02-01'
const appServiceVersion = '2019-08-01'

/**
 * The variables by which Azure's libraries find us at `host`. They take App Service first, which has a secret; the last
 * is for those that know the instance metadata service alone.
 */
export function azureVariables(host: string, secret: string): Variables {
  return {
    IDENTITY_ENDPOINT: `http://${host}${appServicePath}`,
    IDENTITY_HEADER: secret,
    AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://${host}`,
  }
}

/** Answers as both endpoints do, for a machine whose one identity is the account of `source`. */
export function azureCloud(source: TokenSource, secret: string): Cloud {
  return {
    answer: (request) => {
      if (isAt(request, instancePath)) return instance(source, request)
      if (isAt(request, appServicePath)) return appService(source, secret, request)
      return Promise.resolve(instanceError(404, 'not_found', 'There is nothing at this path.'))
    },
    refuse,
  }
}

/** With or without a slash at the end, which some of the libraries put there. */
const isAt = ({ path }: MetadataRequest, known: string): boolean => path === known || path === `${known}/`

async function instance(source: TokenSource, request: MetadataRequest): Promise<MetadataAnswer> {
  const { query } = request
  if (request.header('metadata') !== 'true')
    return instanceError(400, 'invalid_request', 'Required metadata header not specified')
  if (request.header('x-forwarded-for') !== undefined)
    return instanceError(400, 'invalid_request', 'Request contains a header X-Forwarded-For, which is not allowed')
  const version = query.get('api-version') ?? ''
  if (!/^\d{4}-\d\d-\d\d$/u.test(version) || version < instanceVersion)
    return instanceError(400, 'invalid_request', `Required api-version not specified; ${instanceVersion} is one`)
  const resource = resourceOf(query)
  if (resource === undefined) return instanceError(400, 'invalid_request', 'Required audience parameter not specified')
  const { access_token, expires_in, ...rest } = await token(source, resource)
  return json(200, { access_token, expires_in, ext_expires_in: expires_in, ...rest })
}

async function appService(source: TokenSource, secret: string, request: MetadataRequest): Promise<MetadataAnswer> {
  const { query } = request
  if (!isEqual(request.header('x-identity-header') ?? '', secret))
    return appServiceError(401, 'The X-IDENTITY-HEADER is missing or is not the one of this endpoint.')
  if (request.header('x-forwarded-for') !== undefined)
    return appServiceError(400, 'The request has a header X-Forwarded-For, which is not allowed.')
  if (query.get('api-version') !== appServiceVersion)
    return appServiceError(400, `The api-version has to be ${appServiceVersion}.`)
  const resource = resourceOf(query)
  if (resource === undefined) return appServiceError(400, 'The resource is missing.')
  return json(200, await token(source, resource))
}

/** A token for the resource, with every number as the string it is there. */
async function token(source: TokenSource, resource: string): Promise<Readonly<Record<string, string>>> {
  const { scope } = await source.account()
  const answered = await source.token(resourceScope(resource, scope))
  const seconds = lifetime(answered)
  return {
    access_token: answered.access_token,
    expires_in: String(seconds),
    expires_on: String(now() + seconds),
    not_before: String(now()),
    resource,
    token_type: answered.token_type,
  }
}

/** The one `resource`, which could stand as a scope (RFC 6749 section 3.3). */
function resourceOf(query: URLSearchParams): string | undefined {
  const [resource = '', another] = query.getAll('resource')
  return another === undefined && /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/u.test(resource) ? resource : undefined
}

function refuse(error: BrokerError, request: MetadataRequest): MetadataAnswer {
  const status = statusOf(error)
  const words = wordsOf(error)
  return isAt(request, appServicePath) ? appServiceError(status, words) : instanceError(status, error.code, words)
}

const instanceError = (status: number, error: string, error_description: string): MetadataAnswer =>
  json(status, { error, error_description })

const appServiceError = (statusCode: number, message: string): MetadataAnswer =>
  json(statusCode, { statusCode, message })

const json = (status: number, value: unknown): MetadataAnswer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(value),
})

/** In the same time for every wrong secret of whatever length. */
function isEqual(given: string, secret: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest()
  return timingSafeEqual(digest(given), digest(secret))
}
