/** What the person has typed for a new account. The rule: an empty field is absent from the request, never an empty text. */
import type { BrokerError } from '../main/contract/errors.ts'
import type { ProviderSummary, Redirect } from '../main/contract/model.ts'
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
  /** The way back that was chosen because another did not work. */
  readonly redirect?: Redirect
}

export function emptyDraft(provider: ProviderSummary): Draft {
  return { provider: provider.id, params: {}, clientId: '', clientSecret: '', scopes: [], otherScopes: '', label: '' }
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
  const clientId = draft.clientId.trim()
  const label = draft.label.trim()
  return {
    provider: draft.provider,
    open_browser: openBrowser,
    ...(Object.keys(params).length > 0 && { params }),
    ...(scope !== '' && { scope }),
    ...(clientId !== '' && { client_id: clientId }),
    ...(draft.clientSecret !== '' && { client_secret: draft.clientSecret }),
    ...(draft.register && { register: true }),
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
