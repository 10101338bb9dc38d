/**
 * Reads what comes back on a redirect URI (RFC 6749 section 4.1.2, RFC 9207): a pure decision. The rules: the URL is the
 * registered one in its exact form; what does not carry this flow's `state` is dropped without side effect; what does is
 * judged once, and any doubt about who sent it ends the flow without using its code.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { BrokerError } from '../contract/errors.ts'
import type { Secret } from '../broker/secret.ts'
import type { ProviderDefinition } from '../providers/provider.ts'
import { quoted } from './plain-text.ts'

/** What was fixed when the flow started, and is all that is looked at when it comes back. */
export interface PendingFlow {
  readonly state: string
  /** `undefined`: the provider has none to compare with. */
  readonly issuer: string | undefined
  readonly redirect_uri: string
  /** RFC 9207 section 3: the provider promised to say who it is. */
  readonly iss_expected: boolean
  /** The provider shows the code instead of sending the browser anywhere, so there is no `state` to compare. */
  readonly out_of_band?: boolean
  /** Where this provider puts the parts of its answer (definition key `authorization_response`). */
  readonly names?: AnswerNames
  /** Struck from what the provider says about a refusal. */
  readonly secrets?: readonly Secret[]
}

export type AnswerNames = NonNullable<ProviderDefinition['authorization_response']>

export type RedirectAnswer =
  | { readonly kind: 'code'; readonly code: string; readonly iss: string | undefined }
  | { readonly kind: 'refused'; readonly error: BrokerError }
  | { readonly kind: 'dropped'; readonly reason: string }

const LONGEST = 16_384
const once = ['state', 'code', 'iss', 'error', 'error_description', 'error_uri'] as const
/** Answers of flows we never start (RFC 9700 section 2.1.2). */
const implicit = ['access_token', 'refresh_token', 'id_token', 'token', 'response'] as const

export function readRedirect(url: string, pending: PendingFlow): RedirectAnswer {
  const dropped = (reason: string): RedirectAnswer => ({ kind: 'dropped', reason })
  if (pending.out_of_band) return shownCode(url, pending, dropped)
  // Compared as text: a parser would lower the case, resolve `..` and drop line ends first.
  const [target = '', ...rest] = url.split('?')
  if (target !== pending.redirect_uri) {
    return dropped(
      url.includes('#') && url.startsWith(pending.redirect_uri)
        ? 'it carries its answer in the fragment'
        : 'it is not the redirect URL of this sign-in',
    )
  }
  const query = rest.join('?')
  const hash = query.indexOf('#')
  const params = new URLSearchParams(hash < 0 ? query : query.slice(0, hash))
  const states = params.getAll('state')
  if (states.length !== 1 || !equal(states[0] ?? '', pending.state))
    return dropped('its state is not the one of this sign-in')
  return judge(params, hash < 0 ? '' : query.slice(hash + 1), pending)
}

/**
 * The code as a person copies it: by itself, or in the address of the page that shows it. An address that says whose answer
 * it is has to be this sign-in's.
 */
function shownCode(text: string, pending: PendingFlow, dropped: (reason: string) => RedirectAnswer): RedirectAnswer {
  const params = /^https?:/u.test(text) && URL.canParse(text) ? new URL(text).searchParams : undefined
  const state = params?.get('state') ?? undefined
  if (state !== undefined && !equal(state, pending.state)) return dropped('its state is not the one of this sign-in')
  const iss = params?.get('iss') ?? undefined
  if (iss !== undefined && pending.issuer !== undefined && iss !== pending.issuer)
    return dropped('it is from another provider')
  const codes = params ? params.getAll('code') : [text]
  const [code = ''] = codes
  return codes.length !== 1 || code.length > LONGEST || !/^[\x21-\x7e]+$/u.test(code)
    ? dropped('it is no code')
    : { kind: 'code', code, iss: undefined }
}

function judge(params: URLSearchParams, fragment: string, pending: PendingFlow): RedirectAnswer {
  const refused = (sentence: string, code: 'provider_error' | 'access_denied' = 'provider_error'): RedirectAnswer => ({
    kind: 'refused',
    error: new BrokerError(code, sentence),
  })
  const { code: codes = ['code'], error: errors = ['error'], ...names } = pending.names ?? {}
  const descriptions = names.error_description ?? ['error_description']
  if ([...once, ...codes, ...errors, ...descriptions].some((name) => params.getAll(name).length > 1))
    return refused('The provider answered the sign-in twice in one URL. Nothing of it was used.')
  if (implicit.some((name) => params.has(name)) || implicit.some((name) => new URLSearchParams(fragment).has(name)))
    return refused('The provider answered with a token in the URL, where it is not safe. Nothing of it was used.')
  const iss = (names.iss === 'ignore' ? null : params.get('iss')) ?? undefined
  if (iss === undefined ? pending.iss_expected : pending.issuer !== undefined && iss !== pending.issuer)
    return refused(
      'The answer to the sign-in does not say that it is from the provider it was started at. Nothing of it was used.',
    )
  const first = (wanted: readonly string[]): string | null =>
    wanted.map((name) => params.get(name)).find((value) => value !== null && value !== '') ?? null
  const error = first(errors)
  if (error !== null) {
    const said = quoted(error, first(descriptions), pending.secrets)
    return error === 'access_denied'
      ? refused(`The sign-in was declined: ${said}`, 'access_denied')
      : refused(`The provider refused the sign-in: ${said}`)
  }
  const code = first(codes) ?? ''
  // RFC 6749 appendix A.11: 1*VSCHAR.
  if (code.length > LONGEST || !/^[\x20-\x7e]+$/u.test(code))
    return refused('The provider ended the sign-in without a code.')
  return { kind: 'code', code, iss }
}

/** Constant time in the content; both sides are hashed so that lengths do not matter. */
function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
