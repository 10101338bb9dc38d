/**
 * Everything the broker needs from outside: time, chance, the vault, the authorization servers, a way to reach the
 * person, the record of what happened. The rule: the domain reaches the world through these interfaces only, so a host
 * with another vault, another browser or another clock changes no line of it.
 */
import type {
  Account,
  AccessRequest,
  ActivityEntry,
  ActivityVerdict,
  Client,
  ClientSession,
  Flow,
  Grant,
  Preferences,
  ProviderCheck,
  ProviderDescription,
  ProviderSummary,
  Redirect,
  VaultState,
} from '../contract/model.ts'
import type { BasicAuthentication } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { ApiAnswer, ApiCall, TokenVerdict } from './api-call.ts'
import type { Finding, KeySlotKind } from '../contract/window-api.ts'
import type { Secret } from './secret.ts'

export interface Clock {
  /** Milliseconds since the epoch; may jump. */
  now(): number
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic(): number
  /** Runs `task` once after `delay` milliseconds, any size (the port clamps: a Node timer of 2^31 ms fires at once). */
  after(delay: number, task: () => void): Cancel
}

export type Cancel = () => void

export interface Randomness {
  bytes(length: number): Uint8Array
}

/** Allow-listed, structured; values are ids, codes, counts and sentences of our own. */
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  fields?: Readonly<Record<string, string | number | boolean>>,
) => void

/** What the vault keeps in the clear about an account. */
export interface AccountRecord extends Omit<Account, 'state' | 'token'> {
  /** What is known durably; the rest of `AccountState` is of the moment. */
  readonly standing: 'connected' | 'needs-sign-in' | 'misconfigured'
}

export interface ClientRecord extends Client {
  /** SHA-256 of the client token, base64url. */
  readonly token_hash: string
  /** Ed25519, raw, base64url. */
  readonly public_key?: string
  /** Of the record behind a session's token, which is kept in memory and never saved. */
  readonly session?: ClientSession
}

/** An access token as held; `expires_at` and `obtained_at` in seconds since the epoch. */
export interface AccessToken {
  readonly value: Secret
  readonly token_type: string
  readonly scope: string
  readonly obtained_at: number
  readonly expires_at: number | null
}

/**
 * Where this account's secrets may be sent, frozen when it was linked and sealed together with them, so that no later
 * edit of a definition or a database row redirects a refresh token (R1).
 */
export interface Connection {
  readonly provider: string
  readonly issuer: string
  readonly token_endpoint: string
  readonly revocation_endpoint?: string
  readonly userinfo_endpoint?: string
  readonly client_id: string
  readonly client_secret?: Secret
  /** The private key of `private_key_jwt`, a JWK. */
  readonly client_key?: Secret
  readonly token_endpoint_auth_method: 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'
  /** The client was registered for this account (RFC 7591), so how it authenticates is the provider's word. */
  readonly registered?: boolean
  /** The private key that every token of this account is bound to (RFC 9449), a JWK; such tokens are never handed out. */
  readonly dpop_key?: Secret
  /** Plain http was allowed because every endpoint is on loopback. */
  readonly insecure_loopback: boolean
  /** What the provider does with refresh tokens; `never` needs no durable write before the answer. */
  readonly rotation: 'always' | 'maybe' | 'never'
  /** The provider's own `Authorization` scheme, for example `Bearer ${access_token}`. */
  readonly authorization_template: string
  readonly api_base_urls: readonly string[]
  /** Where else a token may be sent: as the password of a program that knows nothing but passwords. */
  readonly basic_authentication?: BasicAuthentication
  /** The provider's variables as they were given (`issuer`, `tenant`, ...), and the scope asked for: to sign in again alike. */
  readonly params: Readonly<Record<string, string>>
  readonly requested_scope: string
  /** What the tokens are for (RFC 8707), where that was said. */
  readonly requested_resource?: string
  /** How this provider's exchanges differ from the standard, as `oauth/` wrote it; absent: they do not. */
  readonly rules?: string
  /** How the account was linked, where that was not in the browser. */
  readonly flow?: Exclude<Flow, 'browser'>
  /** How a new access token is had, where that is not by a refresh token: by the same grant again, or by the person. */
  readonly renew?: 'reobtain' | 'sign_in'
}

/** What is sealed: everything needed to get the next access token, and the current one. */
export interface GrantMaterial {
  readonly connection: Connection
  readonly refresh_token: Secret | null
  readonly access: AccessToken | null
}

/** Grant material with the generation it was stored as. A later write must name the generation it replaces. */
export interface StoredGrant {
  readonly generation: number
  readonly material: GrantMaterial
}

/** A refresh that was about to be sent when the process ended. */
export interface Intent {
  readonly account_id: string
  readonly generation: number
  /** Seconds since the epoch. */
  readonly started_at: number
}

/**
 * The sealed store. Every write resolves only when it is durable, unless it says otherwise. Faults: `locked`; a full or
 * broken disk is `StorageFault`, and then the last commit is still in force.
 */
export interface Vault {
  state(): VaultState
  protection(): KeySlotKind | null
  notice(): string | undefined
  /** Throws `locked` when no slot opens, `access_denied` for a wrong passphrase. */
  unlock(passphrase?: Secret): Promise<void>
  /** Forgets the data key. */
  lock(): void
  close(): void

  accounts(): Promise<readonly AccountRecord[]>
  /** Rewrites what is in the clear; not durable before it resolves when `lazy`. */
  saveAccount(record: AccountRecord, options?: { readonly lazy?: boolean }): Promise<void>
  /** A new sign-in: the record and its material in one commit, as the next generation; ends quarantine and intent. */
  link(record: AccountRecord, material: GrantMaterial): Promise<StoredGrant>
  /** The person removed it: record, every generation, intent. */
  unlink(account_id: string): Promise<void>

  /**
   * The newest generation that verifies, decrypted; `null` when there is none. Of a quarantined generation the connection
   * is answered, to sign in again alike, and no token: `refresh_token` and `access` are `null`.
   */
  grant(account_id: string): Promise<StoredGrant | null>
  /** R4: when it resolves, an intent on the disk covers the refresh, across the end of the process and of the system. */
  beginRefresh(account_id: string, generation: number): Promise<void>
  /**
   * The new material as `generation + 1`, keeping `generation`, dropping what came before, ending the intent: one commit.
   * Throws `GenerationConflict` when the stored generation is another. `lazy` may become durable later: only for material
   * whose refresh token did not change.
   */
  commitRefresh(
    account_id: string,
    generation: number,
    material: GrantMaterial,
    options?: { readonly lazy?: boolean },
  ): Promise<StoredGrant>
  /** The refresh ended without a new generation. */
  endRefresh(account_id: string): Promise<void>
  intents(): Promise<readonly Intent[]>
  /** The provider refused this generation: keep it, never offer it again; the account's standing changes in the same commit. */
  quarantine(record: AccountRecord, generation: number): Promise<void>

  clients(): Promise<readonly ClientRecord[]>
  saveClient(record: ClientRecord, options?: { readonly lazy?: boolean }): Promise<void>
  removeClient(client_id: string): Promise<void>
  grants(): Promise<readonly Grant[]>
  saveGrant(grant: Grant): Promise<void>
  removeGrant(grant_id: string): Promise<void>
  examine(): Promise<readonly Finding[]>
}

/** The vault could not write: full disk, I/O error, read-only. Nothing was changed; `message` is for the person. */
export class StorageFault extends BrokerError {
  constructor(message: string, cause: unknown) {
    super('temporarily_unavailable', message, { cause, resolve: { command: 'valetkey doctor' } })
    this.name = 'StorageFault'
  }
}

/** Somebody stored a newer generation in between. */
export class GenerationConflict extends Error {
  constructor() {
    super('another generation is stored')
    this.name = 'GenerationConflict'
  }
}

/** Where a connection sends secrets. */
type Places = Pick<Connection, 'token_endpoint' | 'revocation_endpoint' | 'rules'>

export interface SignInPlan {
  readonly provider: string
  /** Absent: the first that the provider has, best for the person first. */
  readonly flow?: Flow
  readonly scope?: string
  /** Absent: the best rung of the ladder the provider allows and this host has (DESIGN section 6). */
  readonly redirect?: Redirect
  readonly client_id?: string
  readonly client_secret?: Secret
  /** A private key for `private_key_jwt`: PEM or JWK. */
  readonly client_key?: Secret
  /** Have the provider register a client (RFC 7591), instead of naming one. */
  readonly register?: boolean
  /** How a client that was registered so authenticates. */
  readonly registered_as?: Connection['token_endpoint_auth_method']
  /** RFC 8707. */
  readonly resource?: string
  /** The connection a stored `client_secret` or `client_key` is from: it goes where it has gone before, or nowhere. */
  readonly secret_of?: Places
  /** The connection that stored `params` are from: the secret ones among them go where they have gone before, or nowhere. */
  readonly params_of?: Places & Pick<Connection, 'params'>
  /** Of the `password` flow: used once and never stored. */
  readonly person?: { readonly username: string; readonly password: Secret }
  readonly params: Readonly<Record<string, string>>
  /** Milliseconds until we stop waiting for the browser. */
  readonly timeout: number
}

export interface Identity {
  readonly issuer: string
  readonly subject?: string
  readonly label?: string
}

export type SignInOutcome =
  | {
      readonly kind: 'signed-in'
      readonly material: GrantMaterial
      readonly identity: Identity
      readonly scope: string
      readonly provider_name: string
    }
  | { readonly kind: 'refused'; readonly error: BrokerError }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'expired' }

/** A sign-in under way. The redirect listener is open from the moment this exists until `done` resolves. */
export interface RunningSignIn {
  readonly provider_name: string
  readonly flow: Flow
  /** Where the person goes; empty where there is nowhere to go (client credentials, password). */
  readonly authorization_url: string
  /** What the person enters there (RFC 8628 section 3.3). */
  readonly user_code?: string
  /** Meant of the `browser` flow only. */
  readonly redirect: Redirect
  /** The person's own page that the browser ends on, where a provider wants one. */
  readonly lands_on?: string
  /** The other ways that could be tried, best first. */
  readonly rungs: readonly Redirect[]
  /** Never rejects. */
  readonly done: Promise<SignInOutcome>
  /** A pasted redirect URL; throws `invalid_request` when it is not an answer to this sign-in, which goes on. */
  submit(url: string): Promise<void>
  cancel(): void
}

/** What a refresh can come to. Classes and rules: the error table in docs/refresh.md. */
export type RefreshOutcome =
  | {
      readonly kind: 'refreshed'
      readonly access: AccessToken
      /** `null`: the provider sent none, keep the old one. */ readonly refresh_token: Secret | null
      /** A malformed member was ignored; say so. */ readonly alarm?: string
      /** The provider would not narrow; without a scope in its answer the token is the account's whole one. */
      readonly scope_dropped?: boolean
    }
  | { readonly kind: 'offline'; readonly detail: string }
  | { readonly kind: 'ambiguous'; readonly detail: string }
  | { readonly kind: 'transient'; readonly detail: string }
  | { readonly kind: 'throttled'; /** Seconds. */ readonly retry_after: number; readonly detail: string }
  | { readonly kind: 'final'; readonly detail: string }
  | { readonly kind: 'client-configuration'; readonly detail: string }
  /** What was asked beyond the account's own token is refused (RFC 8707 `invalid_target`); the account itself is well. */
  | { readonly kind: 'request-refused'; readonly detail: string }
  | { readonly kind: 'interaction-needed'; readonly detail: string }

/** What a token is wanted for, beyond the account's default (RFC 6749 section 6, RFC 8707, and the usual `audience`). */
export interface TokenVariant {
  readonly scope?: string
  readonly resource?: string
  readonly audience?: string
}

export interface RevokeOutcome {
  readonly kind: 'revoked' | 'unsupported' | 'failed'
  readonly detail?: string
}

export interface AuthorizationServers {
  providers(): Promise<readonly ProviderSummary[]>
  /** Plays a definition through against the provider it describes; nothing is sent anywhere. Throws `not_found`. */
  tryOut(provider: string): Promise<readonly ProviderCheck[]>
  /** Throws `not_found` for an unknown provider, `invalid_request` for parameters that do not fit, `provider_error` or `temporarily_unavailable` when discovery fails. */
  startSignIn(plan: SignInPlan): Promise<RunningSignIn>
  /** A redirect the operating system handed to us; `false`, without any effect, when no sign-in waits for exactly it. */
  deliver(url: string): Promise<boolean>
  /**
   * Sends the refresh token once, to `connection.token_endpoint` and nowhere else; without one, asks again as
   * `connection.renew` says. Never rejects.
   */
  refresh(connection: Connection, refresh_token: Secret | null, variant: TokenVariant): Promise<RefreshOutcome>
  /**
   * The header fields that make `call` one on the account's behalf: `Authorization` in the provider's own scheme, and what
   * else its definition sends with every call. Nothing is sent.
   */
  apiHeaders(connection: Connection, access: AccessToken, call: ApiCall): Promise<Readonly<Record<string, string>>>
  /** By the rules the connection was linked with; without any, the standard's (RFC 6750 section 3.1). */
  judgeAnswer(connection: Connection, answer: ApiAnswer): TokenVerdict
  /** In the provider's own way, or RFC 7009, refresh token first. Never rejects. */
  revoke(material: GrantMaterial): Promise<RevokeOutcome>
}

/** The person's own provider definitions, beside those that came with Valetkey. */
export interface Definitions {
  /** Of a known provider or of a text that is not trusted yet. Throws `not_found`, `invalid_request` with the path of what is wrong. */
  describe(
    wanted: { readonly id: string; readonly text?: never } | { readonly text: string },
  ): Promise<ProviderDescription>
  /** Keeps a definition the person has seen. Throws `locked`, `invalid_request` for one that cannot be used or has a built-in one's id. */
  add(text: string): Promise<ProviderSummary>
  /** Accounts that are linked stay as they are. Throws `not_found`, `invalid_request` for a built-in one. */
  remove(id: string): Promise<ProviderSummary>
  /** What is wrong with the person's own ones. Never rejects. */
  examine(): Promise<readonly Finding[]>
}

/** The person, as the host can reach them. */
export interface Person {
  /** Opens the system browser; `false` when there is none to open. */
  openBrowser(url: string): Promise<boolean>
  /** A question waits; show it, never answer it. */
  questionWaiting(request: AccessRequest): void
}

export interface ActivityLog {
  /** Never throws and never waits for the disk. */
  append(entry: Omit<ActivityEntry, 'id'>): void
  list(query: {
    readonly before?: number
    readonly after?: number
    readonly limit: number
  }): Promise<readonly ActivityEntry[]>
  /** Rows older than this many days are forgotten. */
  retain(days: number): void
  /** Reads all of it through. Throws `StorageFault` when it cannot be read. */
  verify(expected?: string): Promise<ActivityVerdict>
}

/** What the person has set, in a file of its own that holds no secret. */
export interface PreferenceStore {
  /** Defaults for what is missing or makes no sense. Never rejects. */
  read(): Promise<Preferences>
  write(preferences: Preferences): Promise<void>
}

/** Moments in a refresh at which a test may end the process; production does nothing there. */
export type FaultPoint = 'beforeSend' | 'afterReceive' | 'beforeCommit' | 'afterCommit'
export type FaultPoints = (point: FaultPoint) => void

export interface Ports {
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
  readonly vault: Vault
  readonly servers: AuthorizationServers
  readonly definitions: Definitions
  readonly person: Person
  readonly activity: ActivityLog
  readonly preferences: PreferenceStore
  readonly faults: FaultPoints
}
