/**
 * Which account's token a server is given. The rule: a token is offered only where its account was linked for, or where
 * the person has named both the account and the host; among several that fit nobody guesses; and nothing goes over plain
 * http to another machine unless the account's own definition has that very address.
 */
import type { AccountsAnswer } from '../../contract/client-api.ts'
import { BrokerError } from '../../contract/errors.ts'

export type ListedAccount = AccountsAnswer['accounts'][number]

/** A server that wants a password. */
export interface Server {
  /** Scheme, host and port (RFC 6454): one, or where the scheme was not said all that it can be. */
  readonly origins: readonly string[]
  /** The user the asking program would sign in as, where it knows. */
  readonly username?: string
}

/** What the person has said on the command line. */
export interface Choosing {
  readonly account?: string
  /** Hosts (`host` or `host:port`) that may have the account's token besides those it was linked for. */
  readonly host?: readonly string[]
  readonly username?: string
}

export interface Chosen {
  readonly account: ListedAccount
  readonly username: string
}

/** RFC 6749 has no name for it; several git servers want this one beside a token, and others take any. */
const usualName = 'oauth2'

/**
 * The account for `server` and the user name to give with its token; `undefined` where none of `accounts` is for it.
 * Throws `not_found` for an account that is not there, `locked` where only an open vault could tell,
 * `account_selection_required` where several fit.
 */
export function chooseAccount(
  accounts: readonly ListedAccount[],
  server: Server,
  choosing: Choosing,
): Chosen | undefined {
  const pool = choosing.account === undefined ? accounts : named(accounts, choosing.account)
  if (choosing.account !== undefined && pool.length === 0)
    throw new BrokerError('not_found', `There is no account ${JSON.stringify(choosing.account)} here.`, {
      resolve: { command: 'valetkey accounts' },
    })
  const every = isNamed(server, choosing)
  const fits = pool.filter((account) => every || placesOf(account).some((url) => isAt(url, server)))
  const account = fits.length > 1 ? theOne(fits, server, choosing) : fits[0]
  if (account) return { account, username: usernameFor(account, server, choosing) }
  if (pool.some(({ api_base_urls }) => api_base_urls === undefined))
    throw new BrokerError('locked', 'The vault is locked, so nobody knows which account this is for.', {
      resolve: { command: 'valetkey unlock' },
    })
  return undefined
}

/** Those an ACCOUNT means: by id, else by label, else by provider. */
function named(accounts: readonly ListedAccount[], words: string): readonly ListedAccount[] {
  const by = (member: 'id' | 'label' | 'provider'): readonly ListedAccount[] =>
    accounts.filter((account) => account[member] === words)
  return [by('id'), by('label'), by('provider')].find((found) => found.length > 0) ?? []
}

/** Where an account's tokens may go. */
function placesOf({ api_base_urls = [], basic_authentication }: ListedAccount): readonly string[] {
  return [...(basic_authentication?.base_urls ?? []), ...api_base_urls]
}

const isAt = (url: string, { origins }: Server): boolean => URL.canParse(url) && origins.includes(new URL(url).origin)

/** Whether the person has named this host for an account. Only for where a token cannot be overheard. */
export function isNamed({ origins }: Server, { account, host: hosts = [] }: Choosing): boolean {
  if (account === undefined) return false
  return origins.some((origin) => {
    const url = new URL(origin)
    return (
      (url.protocol === 'https:' || isLoopback(url.hostname)) && hosts.some((host) => hostOf(host, url) === url.host)
    )
  })
}

function hostOf(words: string, { protocol }: URL): string | undefined {
  const url = `${protocol}//${words}`
  return /^[^\s/@?#\\]+$/u.test(words) && URL.canParse(url) ? new URL(url).host : undefined
}

/** Whether a hostname, as a URL has it, is this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/u.test(hostname)
}

/** Of several, the one whose label or id the server's user name is. */
function theOne(fits: readonly ListedAccount[], server: Server, choosing: Choosing): ListedAccount {
  const meant = server.username === undefined ? [] : named(fits, server.username)
  if (meant.length === 1 && meant[0]) return meant[0]
  const { origins } = server
  throw new BrokerError(
    'account_selection_required',
    `Several accounts are for ${origins[0] ?? 'this server'}; name one with --account, or by its label as the user name.`,
    {
      candidates: fits.map(({ id, label, provider }) => ({ id, label, provider })),
      ...(choosing.account !== undefined && { resolve: { command: 'valetkey accounts' } }),
    },
  )
}

function usernameFor(account: ListedAccount, server: Server, choosing: Choosing): string {
  const { basic_authentication: basic } = account
  const known = basic?.base_urls.some((url) => isAt(url, server)) === true ? basic.username : undefined
  const asked =
    server.username === undefined || named([account], server.username).length > 0 ? undefined : server.username
  return choosing.username ?? known ?? asked ?? usualName
}
