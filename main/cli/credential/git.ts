/**
 * The words git and its credential helpers exchange (git-credential(1), "Input/output format"). The rule: pure text in and
 * out; a value with a line end or a NUL is refused, because it could pass for another line; and there is no way here to
 * say `oauth_refresh_token`.
 */
import type { TokenAnswer } from '../../contract/client-api.ts'
import { BrokerError } from '../../contract/errors.ts'

/** What git tells a helper; everything else it says is ignored, as the format wants. */
export interface GitCredential {
  readonly protocol?: string
  readonly host?: string
  readonly path?: string
  readonly username?: string
  readonly password?: string
  /** The scheme and the credential git would put into an Authorization field by itself (git 2.46 and newer). */
  readonly authtype?: string
  readonly credential?: string
  readonly capabilities: readonly string[]
  /** The server's WWW-Authenticate fields (git 2.41 and newer). */
  readonly wwwauth: readonly string[]
}

/** Reads `key=value` lines up to the first empty one. Throws `invalid_request`. */
export function parseGitCredential(text: string): GitCredential {
  const single = new Map<string, string>()
  const lists = new Map<string, readonly string[]>()
  for (const line of text.split('\n')) {
    if (line === '') break
    const equals = line.indexOf('=')
    const key = line.slice(0, Math.max(equals, 0))
    // A host given twice would be another one for git than for us.
    if (key === '' || single.has(key) || /[\r\0]/u.test(line))
      throw new BrokerError(
        'invalid_request',
        'This is not what git says to a credential helper: lines of key=value.',
        {
          resolve: { command: 'valetkey credential git --help' },
        },
      )
    const value = line.slice(equals + 1)
    if (!key.endsWith('[]')) single.set(key, value)
    // An empty value begins the list anew.
    else lists.set(key, value === '' ? [] : [...(lists.get(key) ?? []), value])
  }
  const of = <const Name extends string>(name: Name): { readonly [N in Name]?: string } => {
    const value = single.get(name)
    return (value === undefined || value === '' ? {} : { [name]: value }) as { readonly [N in Name]?: string }
  }
  return {
    ...{ ...of('protocol'), ...of('host'), ...of('path'), ...of('username'), ...of('password') },
    ...{ ...of('authtype'), ...of('credential') },
    capabilities: lists.get('capability[]') ?? [],
    wwwauth: lists.get('wwwauth[]') ?? [],
  }
}

/** What git is told: the token as a password, or where the server takes no passwords, in a scheme of its own. */
export function gitAnswer(asked: GitCredential, username: string, answer: TokenAnswer): string {
  const { access_token, authorization, expires_at } = answer
  const [scheme = '', credential] = authorization.split(/ (.*)/su)
  const expiry: readonly Line[] = expires_at === null ? [] : [['password_expiry_utc', String(expires_at)]]
  if (credential !== undefined && wantsScheme(asked, scheme))
    return format([
      ['capability[]', 'authtype'],
      ['authtype', scheme],
      ['credential', credential],
      // So that git tells no other helper to keep it.
      ['ephemeral', '1'],
      ...expiry,
    ])
  return format([['username', username], ['password', access_token], ...expiry])
}

/** git asks nobody else, neither another helper nor the person for a password. */
export const gitRefusal = 'quit=1'

type Line = readonly [key: string, value: string]

/** Whether the server offers this scheme and not passwords, and git can carry it. */
function wantsScheme({ capabilities, wwwauth }: GitCredential, scheme: string): boolean {
  const offers = (name: string): boolean =>
    wwwauth.some((field) => new RegExp(`(?:^|,)\\s*${name}(?:\\s|,|$)`, 'iu').test(field))
  return capabilities.includes('authtype') && !offers('Basic') && /^[\w-]+$/u.test(scheme) && offers(scheme)
}

function format(lines: readonly Line[]): string {
  for (const [key, value] of lines)
    if (/\p{Cc}/u.test(value))
      throw new BrokerError('server_error', `The ${key} cannot be said to git: it has a control character in it.`, {
        resolve: { command: 'valetkey doctor' },
      })
  return lines.map(([key, value]) => `${key}=${value}`).join('\n')
}
