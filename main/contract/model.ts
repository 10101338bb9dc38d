/**
 * The things people see: accounts, clients, grants, questions, activity. The rule: no type in this file can hold a token,
 * a code or a key, so a window that is sent any of them cannot leak one. Times ending in `_at` are seconds since the
 * epoch; durations are seconds.
 */

/**
 * `connected`: tokens can be had. `signing-in`: a sign-in is under way. `offline`: the provider cannot be reached just
 * now, what is valid is still served. `needs-sign-in`: the provider has ended this session. `unsaved`: a new refresh
 * token could not be written to disk and lives in memory. `misconfigured`: the provider refuses our client, not the
 * person. `locked`: the vault is locked.
 */
export type AccountState =
  'connected' | 'signing-in' | 'offline' | 'needs-sign-in' | 'unsaved' | 'misconfigured' | 'locked'

/** One sign-in at one provider. */
export interface Account {
  readonly id: string
  readonly provider: string
  readonly provider_name: string
  readonly label: string
  readonly issuer?: string
  readonly subject?: string
  readonly state: AccountState
  /** Why the state is what it is, in one sentence, where there is something to say. */
  readonly problem?: string
  /** What the provider granted, space separated (RFC 6749 section 3.3). */
  readonly scope: string
  /** Whether a fresh token can be had without the person. */
  readonly renewable: boolean
  /** Its tokens are bound to a key of ours (RFC 9449): they are used through Valetkey and never handed out. */
  readonly use_only?: boolean
  /** How fresh the current access token is; absent when there is none. */
  readonly token?: {
    readonly obtained_at: number
    readonly expires_at: number | null
    readonly renews_at: number | null
  }
  readonly linked_at: number
  readonly last_used_at?: number
  /** The bundle it belongs to, by the person's own name for it. */
  readonly profile?: string
  /** When its profile's shift ends: from then on it gives nothing, and it is unlinked. */
  readonly ends_at?: number
}

export type ClientKind = 'cli' | 'script' | 'extension' | 'agent'

/** A program that has been paired. */
export interface Client {
  readonly id: string
  readonly name: string
  readonly kind: ClientKind
  /** Of an extension paired over HTTP: where its browser said it comes from, and the only origin its token is taken from. */
  readonly origin?: string
  readonly paired_at: number
  readonly last_used_at?: number
  /** Which account the person meant, where this client's words fit several. */
  readonly choices?: readonly AccountChoice[]
  /** It signs its requests with a key of its own, so its token alone opens nothing. */
  readonly keyed?: boolean
  /** Running under it just now, in memory alone. */
  readonly sessions?: readonly ClientSession[]
}

/** The words in which a client names an account. */
export interface AccountWords {
  readonly account?: string
  readonly provider?: string
  readonly issuer?: string
}

/** The account the person chose once for a client's words; it permits nothing by itself. */
export interface AccountChoice extends AccountWords {
  readonly id: string
  readonly account_id: string
  readonly chosen_at: number
}

/** A client token for a client's own subprocesses: it never may more than its client, and ends by itself. */
export interface ClientSession {
  readonly id: string
  readonly name: string
  /** `use`: no call with it is answered with a token. */
  readonly right: Right
  readonly expires_at: number
}

/** `use`: have the token injected. `read`: be given the token, which includes `use`. */
export type Right = 'use' | 'read'

/** A consent: this client may, with this account, for these scopes, exercise this right, until then. */
export interface Grant {
  readonly id: string
  readonly client_id: string
  readonly account_id: string
  /** Space separated; empty means whatever the account was granted. */
  readonly scope: string
  readonly right: Right
  readonly granted_at: number
  /** `null`: until revoked. */
  readonly until: number | null
  /** Spent by its first use. */
  readonly once?: boolean
  /** Ends when the vault locks or the broker stops, whatever comes first; kept in memory alone. `until` is `null` then. */
  readonly until_locked?: boolean
}

export type RequestKind = 'pair' | 'access' | 'sign-in'
export type RequestState = 'pending' | 'approved' | 'denied' | 'expired'

/** The process at the other end of a connection. */
export interface Peer {
  readonly pid?: number
  /** The file it runs; of a script that is its interpreter. */
  readonly executable?: string
  readonly uid?: number
  /** For whom a relay says that it asks: which extension of which browser. Its word alone, also where the rest is verified. */
  readonly says?: string
  /** By whose word the process is this one: the operating system's (`true`), or nobody's we could check. */
  readonly verified: boolean
}

/**
 * What a pairing has to do with the clients there are. `same-key`: it holds the key of the client of this name, which it
 * replaces, consents included. `key-changed`: a client of this name holds a key, and this is not it. `same-name`: a client
 * without a key has this name.
 */
export type Namesake = 'same-key' | 'key-changed' | 'same-name'

/** A question to the person: WHO asks, for WHAT, WHICH account. */
export interface AccessRequest {
  readonly id: string
  readonly kind: RequestKind
  readonly state: RequestState
  readonly client: { readonly id?: string; readonly name: string; readonly kind: ClientKind; readonly origin?: string }
  readonly account?: {
    readonly id: string
    readonly label: string
    readonly provider: string
    readonly provider_name: string
  }
  /** The ids of the accounts that fit, where the question leaves open which. */
  readonly candidates?: readonly string[]
  /** Only what is asked beyond what the client already has. */
  readonly scope: string
  readonly right: Right
  /** The client's own words; unverified. */
  readonly reason?: string
  /** Who holds the connection on which it was asked first; absent until that is known. */
  readonly peer?: Peer
  /** Of a pairing. */
  readonly namesake?: Namesake
  /** The code the asking client displays. Absent on a surface where the person has to type it. */
  readonly code?: string
  readonly created_at: number
  readonly expires_at: number
  /** How many equal questions are waiting on this one. */
  readonly waiting: number
}

export type ActivityAction =
  | 'token'
  | 'invalidate'
  | 'proxy'
  | 'refresh'
  | 'pair'
  | 'link'
  | 'unlink'
  | 'approve'
  | 'revoke'
  | 'lock'
  | 'unlock'
  | 'provider'

/** One row per request, for its whole life. Ids only; names are resolved when shown. */
export interface ActivityEntry {
  readonly id: number
  readonly at: number
  readonly action: ActivityAction
  readonly outcome: string
  readonly client_id?: string
  readonly account_id?: string
  readonly scope?: string
  readonly detail?: string
  /** Milliseconds the request took. */
  readonly took_ms?: number
}

/** What reading the record of what happened from its first row to its last came to. */
export interface ActivityVerdict {
  /** No row was changed, slipped in or taken out since it was written, as far as the record itself can tell. */
  readonly intact: boolean
  readonly rows: number
  /** The oldest row's second; absent when there is none. */
  readonly since?: number
  /** Stands for everything up to here: noted elsewhere, it shows later that the record was not made anew. */
  readonly head: string
  /** Whether the record passes through the head that was asked about. */
  readonly passes_expected?: boolean
  readonly problem?: { readonly after_id: number; readonly what: string }
}

/**
 * How the browser's answer comes back (DESIGN section 6): straight to the app through our own URL scheme, to a port on
 * loopback that is open only meanwhile, pasted by the person as the address the browser ended on, or as the code that the
 * provider shows (`oob`).
 */
export type Redirect = 'custom-scheme' | 'loopback' | 'paste' | 'oob'

/**
 * How an account is linked: in the browser, on another device (RFC 8628), by the client alone (RFC 6749 section 4.4), or by
 * a provider's own exchange of email and password.
 */
export type Flow = 'browser' | 'device' | 'client-credentials' | 'password'

/** What a sign-in is waiting for, step by step. */
export interface SignIn {
  readonly id: string
  readonly provider: string
  readonly provider_name: string
  readonly account_id?: string
  readonly flow: Flow
  /** Meant of the `browser` flow only. */
  readonly redirect: Redirect
  /** The other ways that could be tried should this one not come back, best first. */
  readonly rungs: readonly Redirect[]
  /** The person's own page whose address is pasted, where a provider wants one; absent: a page of this machine. */
  readonly lands_on?: string
  readonly state: 'waiting' | 'finishing' | 'done' | 'failed' | 'cancelled'
  /**
   * The authorization URL, for "open again" and "copy link"; it holds no secret of ours (RFC 6749 section 4.1.1). Empty
   * where there is nowhere to go.
   */
  readonly authorization_url: string
  /** What the person enters there (RFC 8628 section 3.3). */
  readonly user_code?: string
  /** Seconds since the epoch at which we stop waiting. */
  readonly expires_at: number
  readonly error?: { readonly code: string; readonly description: string }
}

export interface ProviderSummary {
  readonly id: string
  readonly name: string
  /** It came with Valetkey; else it is the person's own. */
  readonly built_in?: boolean
  /** A file that the person has not added themselves, or that was changed since: it is not used. */
  readonly unconfirmed?: true
  readonly documentation?: string
  readonly variables: readonly {
    readonly name: string
    readonly title: string
    readonly description?: string
    readonly example?: string
    readonly default?: string
    readonly required: boolean
    readonly secret: boolean
  }[]
  readonly scopes: readonly string[]
  /** Scopes in plain words, those that have them. */
  readonly scope_descriptions?: Readonly<Record<string, string>>
  /** Best for the person first. Where the provider publishes its metadata, `device` is there if that names it. */
  readonly flows?: readonly Flow[]
  readonly client_fields?: ClientFields
  /** The provider may register a client for the person (RFC 7591). */
  readonly registration?: boolean
  /** Whether tokens are (or may be) bound to a key of the account (RFC 9449), and then only used through Valetkey. */
  readonly dpop?: 'required' | 'supported'
}

/** What the provider calls a client's id and secret, where they are found, and whether it wants the secret. */
export interface ClientFields {
  readonly client_id?: { readonly label?: string; readonly help?: string }
  readonly client_secret?: { readonly label?: string; readonly help?: string }
  readonly secret: 'required' | 'optional' | 'none'
  /** Whether it wants a private key instead (RFC 7523); absent: it takes one where its metadata says so. */
  readonly key?: 'required'
  /** Flows in which no client is named at all. */
  readonly not_for?: readonly Flow[]
}

/** A provider's definition before it is trusted: where secrets and tokens would go, and what is unusual about that. */
export interface ProviderDescription extends ProviderSummary {
  /** YAML. */
  readonly text: string
  readonly built_in: boolean
  readonly endpoints: readonly { readonly name: string; readonly url: string }[]
  readonly warnings: readonly string[]
}

/** One thing a provider definition was tried on, and what it came to. */
export interface ProviderCheck {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

export type VaultState = 'unlocked' | 'locked' | 'read-only' | 'damaged'

/** How long a consent lasts. */
export type Duration = 'once' | '1h' | '8h' | 'until-locked' | 'always'

/**
 * The right a plain yes gives, on every surface: what was asked for, but to an agent never more than `use`, so that letting
 * it read tokens is always a choice of its own.
 */
export function offeredRight({
  client,
  right,
}: {
  readonly client: { readonly kind: ClientKind }
  readonly right: Right
}): Right {
  return client.kind === 'agent' ? 'use' : right
}

/** What the person has set; nothing in it is secret, and nothing in it weakens a rule. */
export interface Preferences {
  readonly launch_at_login: boolean
  /** Closing the window leaves the broker running behind its tray icon. */
  readonly close_to_tray: boolean
  /** Lock the vault when the screen is locked or the machine sleeps. */
  readonly lock_with_screen: boolean
  /** Say in a notification that something waits for the person. */
  readonly notify: boolean
  /** What an approval offers first. */
  readonly approval_duration: Duration
  /** Days after which rows of activity are forgotten. */
  readonly activity_days: number
}

export const defaultPreferences: Preferences = {
  launch_at_login: false,
  close_to_tray: true,
  lock_with_screen: true,
  notify: true,
  approval_duration: '8h',
  activity_days: 30,
}
