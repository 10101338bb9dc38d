/**
 * Which scopes a token for an Azure resource has. Managed identities name a resource, the authorization endpoint that
 * the person signed in at takes scopes, most of them written `RESOURCE/NAME`
 * (https://learn.microsoft.com/entra/identity-platform/scopes-oidc). The rule: it is asked for what the account was
 * granted at this resource; for a resource it has nothing at, `RESOURCE/.default`, and the broker says what is missing.
 */

interface Resource {
  /** How it is written, without a slash at the end; the first is how its scopes begin. */
  readonly names: readonly string[]
  /** Its scopes may stand alone, without a resource before them. */
  readonly bare?: boolean
}

/** The resources that are written in more than one way, or whose scopes are. */
const resources: readonly Resource[] = [
  { names: ['https://graph.microsoft.com', '00000003-0000-0000-c000-000000000000'], bare: true },
  { names: ['https://management.azure.com', 'https://management.core.windows.net'] },
]

/** Scopes of the sign-in itself (OpenID Connect Core sections 5.4 and 11): they belong to no resource. */
const ofSignIn = new Set(['openid', 'profile', 'email', 'address', 'phone', 'offline_access'])

/** The scope to ask for; `granted`: what the account has, space separated, empty when nobody knows. */
export function resourceScope(resource: string, granted: string): string {
  const plain = withoutSlash(resource)
  const { names, bare = false } = resources.find((known) => known.names.includes(plain)) ?? { names: [plain] }
  const words = granted.split(' ').filter((word) => word !== '' && !ofSignIn.has(word))
  const own = words.filter((word) =>
    word.includes(':') || word.includes('/') ? names.some((name) => isScopeOf(word, name)) : bare,
  )
  const whole = own.find((word) => word.endsWith('/.default'))
  if (whole !== undefined) return whole
  return own.length > 0 ? own.join(' ') : `${names[0] ?? plain}/.default`
}

/** A resource that ends with a slash has scopes with two: the slash is part of its name. */
const isScopeOf = (word: string, name: string): boolean =>
  /^\/{1,2}[^/]+$/u.test(word.slice(name.length)) && word.startsWith(name)

const withoutSlash = (resource: string): string => resource.replace(/\/$/u, '')
