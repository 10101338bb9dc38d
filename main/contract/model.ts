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
  /** How fresh the current access token is; absent when there is none. */
  readonly token?: {
    readonly obtained_at: number
    readonly expires_at: number | null
    readonly renews_at: number | null
  }
  readonly linked_at: number
  readonly last_used_at?: number
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
}

export type RequestKind = 'pair' | 'access' | 'sign-in'
export type RequestState = 'pending' | 'approved' | 'denied' | 'expired'

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
  /** Only what is asked beyond what the client already has. */
  readonly scope: string
  readonly right: Right
  /** The client's own words; unverified. */
  readonly reason?: string
  /** The code the asking client displays. Absent on a surface where the person has to type it. */
  readonly code?: string
  readonly created_at: number
  readonly expires_at: number
  /** How many equal questions are waiting on this one. */
  readonly waiting: number
}

export type ActivityAction =
  'token' | 'invalidate' | 'refresh' | 'pair' | 'link' | 'unlink' | 'approve' | 'revoke' | 'lock' | 'unlock'

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
}

/** What the provider calls a client's id and secret, where they are found, and whether it wants the secret. */
export interface ClientFields {
  readonly client_id?: { readonly label?: string; readonly help?: string }
  readonly client_secret?: { readonly label?: string; readonly help?: string }
  readonly secret: 'required' | 'optional' | 'none'
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
export type Duration = 'once' | '1h' | '8h' | 'always'

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
}

export const defaultPreferences: Preferences = {
  launch_at_login: false,
  close_to_tray: true,
  lock_with_screen: true,
  notify: true,
  approval_duration: '8h',
}
