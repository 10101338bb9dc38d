/**
 * What the person has typed for a new account. The rule: an empty field is absent from the request, never an empty text;
 * and a password goes into one request and is forgotten with it.
 */
import type { BrokerError } from '../main/contract/errors.ts'
import type { Flow, ProviderSummary, Redirect } from '../main/contract/model.ts'
import type { LinkRequest } from '../main/contract/window-api.ts'

export interface Draft {
  readonly provider: string
  readonly params: Readonly<Record<string, string>>
  readonly clientId: string
  readonly clientSecret: string
  /** Have the provider register a client. */
  readonly register?: boolean
  readonly scopes: readonly string[]
  readonly otherScopes: string
  readonly label: string
  /** Chosen by hand; absent: the provider's first. Never `password` unless the person has chosen it. */
  readonly flow?: Flow
  /** Of the `password` flow. */
  readonly username: string
  readonly password: string
  /** The way back that was chosen because another did not work. */
  readonly redirect?: Redirect
}

export function emptyDraft(provider: ProviderSummary): Draft {
  const empty = { clientId: '', clientSecret: '', otherScopes: '', label: '', username: '', password: '' }
  return { provider: provider.id, params: {}, scopes: [], ...empty }
}

/** The flow that will be asked for; `undefined`: email and password alone, which nobody is led into. */
export const flowOf = (draft: Draft, { flows = ['browser'] }: ProviderSummary): Flow | undefined =>
  draft.flow ?? flows.find((flow) => flow !== 'password')

/** Whether the provider has to be told which client asks, and whether that client has a secret. */
export function clientWanted(
  draft: Draft,
  provider: ProviderSummary,
): { readonly id: 'required' | 'optional' | 'none'; readonly secret: 'required' | 'optional' | 'none' } {
  const { client_fields: fields } = provider
  if (!fields) return { id: 'optional', secret: 'optional' }
  const flow = flowOf(draft, provider)
  if (flow !== undefined && fields.not_for?.includes(flow)) return { id: 'none', secret: 'none' }
  return { id: 'required', secret: fields.secret }
}

/** Without what is used once and kept nowhere. */
export function withoutPassword({ username: _name, password: _password, ...request }: LinkRequest): LinkRequest {
  return request
}

/** `openBrowser`: the host opens the browser; otherwise the person does, by the page's own link. */
export function requestOf(draft: Draft, provider: ProviderSummary, openBrowser: boolean): LinkRequest {
  const params = Object.fromEntries(
    provider.variables
      .map(({ name }) => [name, (draft.params[name] ?? '').trim()] as const)
      .filter(([, value]) => value !== ''),
  )
  const scope = [...new Set([...draft.scopes, ...draft.otherScopes.split(/[\s,]+/u)])]
    .filter((token) => token !== '')
    .join(' ')
  const wanted = clientWanted(draft, provider)
  const clientId = wanted.id === 'none' ? '' : draft.clientId.trim()
  const clientSecret = wanted.secret === 'none' ? '' : draft.clientSecret
  const label = draft.label.trim()
  return {
    provider: draft.provider,
    open_browser: openBrowser,
    ...(Object.keys(params).length > 0 && { params }),
    ...(scope !== '' && { scope }),
    ...(clientId !== '' && { client_id: clientId }),
    ...(clientSecret !== '' && { client_secret: clientSecret }),
    ...(draft.register && { register: true }),
    ...(draft.flow !== undefined && { flow: draft.flow }),
    ...(draft.flow === 'password' && { username: draft.username.trim(), password: draft.password }),
    ...(label !== '' && { label }),
    ...(draft.redirect !== undefined && { redirect: draft.redirect }),
  }
}

/** Which of the fields `names` a refusal is about: the first its sentence names (`params.tenant must be ...`). */
export function fieldOf(error: BrokerError, names: readonly string[]): string | undefined {
  if (error.code !== 'invalid_request' && error.code !== 'invalid_scope') return undefined
  const named = new Set(error.message.slice(0, 400).split(/[^\w-]+/u))
  return names.find((name) => named.has(name)) ?? (error.code === 'invalid_scope' ? 'scope' : undefined)
}
