/**
 * The ladder of redirects (DESIGN section 6): which way the browser's answer may come back, best first. The rule: a rung
 * is used only where the provider allows it and this host has it; our scheme only when the operating system says that it
 * is ours, because another program's would be handed the code.
 */
import { BrokerError } from '../contract/errors.ts'
import type { Redirect } from '../contract/model.ts'
import type { ProviderDefinition } from '../providers/provider.ts'
import { fill, placesIn, type Values } from '../providers/template.ts'

/** Our private-use scheme: the reverse of a domain of ours, one slash (RFC 8252 section 7.1). */
export const scheme = 'app.valetkey'

export type RedirectMethod = NonNullable<ProviderDefinition['redirect']>['methods'][number]
export type LoopbackRules = NonNullable<NonNullable<ProviderDefinition['redirect']>['loopback']>

/** Out of band: the provider shows the code itself (a convention of Google's and Doorkeeper's, never a standard). */
export const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob'

/** Every rung there is for this provider on this host, best first. Pasting needs nothing but a redirect to read off. */
export function ladder(methods: readonly RedirectMethod[], schemeIsOurs: boolean): readonly Redirect[] {
  const rungs: Redirect[] = []
  if (methods.includes('custom_scheme') && schemeIsOurs) rungs.push('custom-scheme')
  if (methods.includes('loopback')) rungs.push('loopback')
  if (methods.includes('oob')) rungs.push('oob')
  if (methods.includes('loopback') || methods.includes('https')) rungs.push('paste')
  return rungs
}

/** The rung to stand on and those left. Throws `invalid_request` when the wanted one is not there. */
export function chooseRung(
  rungs: readonly Redirect[],
  wanted: Redirect | undefined,
  provider: string,
): { readonly redirect: Redirect; readonly rungs: readonly Redirect[] } {
  const redirect = wanted ?? rungs[0]
  if (redirect === undefined || !rungs.includes(redirect))
    throw new BrokerError(
      'invalid_request',
      wanted === undefined
        ? `${provider} offers no way back that this host has.`
        : `${provider} cannot be signed in to by ${wanted} here; there is: ${rungs.join(', ')}.`,
    )
  return { redirect, rungs: rungs.filter((rung) => rung !== redirect) }
}

/**
 * The page of the person's own that the browser ends on, for services that refuse everything of this machine; the answer is
 * then pasted from its address. `undefined` where there is none. Throws `invalid_request` for one that is not an https
 * address exactly as a browser shows it, because it is compared as text on both sides.
 */
export function ownPage(
  { methods, https_url: template }: NonNullable<ProviderDefinition['redirect']>,
  values: Values,
): string | undefined {
  const url = methods.includes('https') && template !== undefined ? fill(template, values) : undefined
  if (url === undefined) return undefined
  const shown = URL.canParse(url) ? new URL(url) : undefined
  if (shown?.protocol === 'https:' && shown.href === url && shown.search + shown.hash + shown.username === '')
    return url
  const better =
    shown?.protocol === 'https:' ? `; write it as ${shown.href}` : ', for example https://example.com/callback'
  throw new BrokerError(
    'invalid_request',
    `${placesIn(template ?? '')[0] ?? 'The redirect URL'} must be an https address as the browser shows it${better}.`,
  )
}

/** The redirect URI of a rung; `port` and `loopback` are meant on loopback only. */
export function redirectUri(
  redirect: Redirect,
  provider: string,
  port: number,
  {
    loopback,
    oob_uri,
    https_url,
  }: Pick<NonNullable<ProviderDefinition['redirect']>, 'loopback' | 'oob_uri' | 'https_url'>,
): string {
  switch (redirect) {
    case 'custom-scheme':
      return `${scheme}:/callback/${provider}`
    case 'oob':
      return oob_uri ?? OUT_OF_BAND
    case 'loopback':
    case 'paste':
      if (redirect === 'paste' && https_url !== undefined) return https_url
      return `http://${loopback?.host ?? '127.0.0.1'}:${String(port)}${callbackPath(provider, loopback)}`
  }
}

export const callbackPath = (provider: string, loopback: LoopbackRules | undefined): string =>
  loopback?.path ?? `/callback/${provider}`
