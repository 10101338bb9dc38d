/**
 * What OUR OWN surfaces may ask: the desktop window, the console, the command line's managing commands (over the control
 * socket). The rule: everything a person decides is here and nowhere else, and no answer holds a token.
 */
import { anyText, boolean, type Calls, integer, nothing, object, oneOf, optional, record, text } from './parse.ts'
import type { ErrorBody } from './errors.ts'
import type {
  Account,
  AccessRequest,
  ActivityEntry,
  ActivityVerdict,
  Client,
  Duration,
  Flow,
  Grant,
  Preferences,
  ProviderCheck,
  ProviderDescription,
  ProviderSummary,
  Redirect,
  Right,
  SignIn,
  VaultState,
} from './model.ts'

/** `window` and `console` show the code to compare; on a `terminal` the person types the code the client displays. */
export type Surface = 'window' | 'console' | 'terminal'

export type KeySlotKind = 'safe-storage' | 'os-keyring' | 'passphrase' | 'key-file'

/** Everything a surface shows, whole, pushed on every change. */
export interface Snapshot {
  readonly version: string
  readonly surface: Surface
  readonly host: 'desktop' | 'daemon'
  readonly home: string
  readonly vault: {
    readonly state: VaultState
    /** How the data key is kept; `key-file` is permanently shown as the weak choice it is. */
    readonly protection: KeySlotKind | null
    /** What needs saying about the vault: restored from a backup, read-only because of a newer format. */
    readonly notice?: string
  }
  readonly accounts: readonly Account[]
  readonly clients: readonly Client[]
  readonly grants: readonly Grant[]
  readonly requests: readonly AccessRequest[]
  readonly sign_ins: readonly SignIn[]
  readonly providers: readonly ProviderSummary[]
  readonly preferences: Preferences
  /** The person has told the broker to give nobody anything for now. */
  readonly paused: boolean
  /** Where another surface can be opened, when there is one. */
  readonly http_url?: string
}

export interface LinkRequest {
  readonly provider: string
  /** Absent: the first the provider has; never `password`, which has to be asked for by name. */
  readonly flow?: Flow
  readonly scope?: string
  readonly redirect?: Redirect
  readonly client_id?: string
  readonly client_secret?: string
  /** A private key for `private_key_jwt` (RFC 7523): PEM or JWK. */
  readonly client_key?: string
  /** Have the provider register a client (RFC 7591), instead of naming one. */
  readonly register?: boolean
  /** What the tokens are for (RFC 8707). */
  readonly resource?: string
  /** Of the `password` flow: sent to the provider once, and stored nowhere. */
  readonly username?: string
  readonly password?: string
  /** Values for the provider's variables (`issuer`, `tenant`, ...). */
  readonly params?: Readonly<Record<string, string>>
  readonly label?: string
  /** The profile to put it into. */
  readonly profile?: string
  /** Sign this account in again instead of adding one. */
  readonly account?: string
  /** Whether the host opens the browser; a terminal opens its own. */
  readonly open_browser?: boolean
}

export interface UnlinkReport {
  readonly account_id: string
  /** What became of the tokens at the provider (RFC 7009). */
  readonly remote: 'revoked' | 'kept' | 'unsupported' | 'failed'
  readonly detail?: string
}

/** What became of each account of a profile whose shift was ended. */
export interface ShiftReport {
  readonly profile: string
  readonly accounts: readonly (UnlinkReport & {
    readonly label: string
    readonly provider_name: string
    /** It could not even be removed here; it gives nothing any more, and the next try is in a minute. */
    readonly still_linked?: boolean
  })[]
  readonly locked: boolean
}

export interface WindowApi {
  snapshot(): Promise<Snapshot>
  link(request: LinkRequest): Promise<SignIn>
  /** Waits at most `timeout` seconds for a sign-in to end. */
  awaitSignIn(request: {
    readonly id: string
    readonly timeout: number
  }): Promise<{ readonly sign_in: SignIn; readonly account?: Account }>
  /** The pasted redirect URL. */
  submitRedirect(request: { readonly id: string; readonly url: string }): Promise<SignIn>
  /**
   * An address the operating system handed us for our scheme. Any page can cause one, so it is taken only as the answer to
   * a sign-in that waits for it, and otherwise dropped without effect.
   */
  deliverRedirect(request: { readonly url: string }): Promise<{ readonly taken: boolean }>
  /** A provider's definition, or a text that is not trusted yet: where secrets and tokens would go. */
  describeProvider(
    request: { readonly id: string; readonly text?: never } | { readonly id?: never; readonly text: string },
  ): Promise<ProviderDescription>
  addProvider(request: { readonly text: string }): Promise<ProviderSummary>
  /** Accounts that are linked stay as they are. */
  removeProvider(request: { readonly id: string }): Promise<ProviderSummary>
  /** Plays a provider's definition through against the provider it describes; nothing is sent anywhere. */
  testProvider(request: { readonly id: string }): Promise<{ readonly checks: readonly ProviderCheck[] }>
  cancelSignIn(request: { readonly id: string }): Promise<SignIn>
  unlink(request: { readonly account: string; readonly keep_remote?: boolean }): Promise<UnlinkReport>
  rename(request: { readonly account: string; readonly label: string }): Promise<Account>
  /** Puts an account into a profile, or out of any. It takes over when the others' shift ends. */
  setProfile(request: { readonly account: string; readonly profile?: string }): Promise<Account>
  /**
   * When a profile's shift ends by itself (seconds since the epoch); absent, it does not. Throws `not_found`, and
   * `invalid_request` for the past.
   */
  setShiftEnd(request: { readonly profile: string; readonly ends_at?: number }): Promise<readonly Account[]>
  /** Unlinks and revokes every account of a profile, and then locks the vault unless told not to. */
  endShift(request: {
    readonly profile: string
    readonly keep_remote?: boolean
    readonly keep_unlocked?: boolean
  }): Promise<ShiftReport>
  /** Ask the provider again now instead of at the next retry. */
  retry(request: { readonly account: string }): Promise<Account>
  approve(request: {
    readonly id: string
    readonly code?: string
    readonly for?: Duration
    /** `offeredRight` unless told. */
    readonly right?: Right
    readonly account?: string
    /** Less than was asked for, where the person allows only that. */
    readonly scope?: string
  }): Promise<AccessRequest>
  deny(request: { readonly id: string }): Promise<AccessRequest>
  revokeClient(request: { readonly client: string }): Promise<Client>
  revokeGrant(request: { readonly id: string }): Promise<Grant>
  /** Next time the client's words fit several accounts, the person is asked which again. */
  forgetChoice(request: { readonly id: string }): Promise<Client>
  /** Ends a client's session; the client stays as it is. */
  stopSession(request: { readonly id: string }): Promise<Client>
  /** Newest first; `before` is the id of the oldest row already shown, `after` of the newest. */
  activity(request: {
    readonly before?: number
    readonly after?: number
    readonly limit?: number
  }): Promise<{ readonly entries: readonly ActivityEntry[] }>
  /** Reads the whole record through; `expected` is a head noted earlier. */
  verifyActivity(request: { readonly expected?: string }): Promise<ActivityVerdict>
  lock(): Promise<Snapshot>
  unlock(request: { readonly passphrase?: string }): Promise<Snapshot>
  configure(request: Partial<Preferences>): Promise<Preferences>
  setPaused(request: { readonly paused: boolean }): Promise<Snapshot>
  /** Another one-time link to the console, where this host serves one. Throws `not_found` where it does not. */
  consoleLink(): Promise<{ readonly url: string }>
  /** Ends this host so that another can own the vault (R2). Only a daemon does, and only for the desktop app. */
  handOver(): Promise<{ readonly accepted: boolean }>
  /** Findings of a self-examination, worst first. */
  doctor(): Promise<{ readonly findings: readonly Finding[] }>
}

export interface Finding {
  readonly level: 'ok' | 'warning' | 'error'
  readonly subject: string
  readonly message: string
  readonly mend?: string
}

const id = text(64)
const byId = object({ id: text(64) })
const byText = object({ text: anyText(65_536) })
const idOrText: Calls<WindowApi>['describeProvider'] = (value, path) =>
  typeof value === 'object' && value !== null && 'text' in value ? byText(value, path) : byId(value, path)
const account = text(256)
const profile = text(64)
const duration = oneOf('once', '1h', '8h', 'until-locked', 'always')

export const windowCalls: Calls<WindowApi> = {
  snapshot: nothing,
  link: object({
    provider: text(64),
    scope: optional(text(4096)),
    flow: optional(oneOf('browser', 'device', 'client-credentials', 'password')),
    redirect: optional(oneOf('custom-scheme', 'loopback', 'paste', 'oob')),
    client_id: optional(text(512)),
    client_secret: optional(text(4096)),
    client_key: optional(anyText(16_384)),
    register: optional(boolean),
    resource: optional(text(2048)),
    username: optional(text(512)),
    password: optional(anyText(4096)),
    params: optional(record(text(2048), 32)),
    label: optional(text(256)),
    profile: optional(profile),
    account: optional(account),
    open_browser: optional(boolean),
  }),
  awaitSignIn: object({ id, timeout: integer(0, 600) }),
  submitRedirect: object({ id, url: anyText(16_384) }),
  deliverRedirect: object({ url: anyText(16_384) }),
  describeProvider: idOrText,
  addProvider: object({ text: anyText(65_536) }),
  removeProvider: object({ id: text(64) }),
  testProvider: object({ id: text(64) }),
  cancelSignIn: object({ id }),
  unlink: object({ account, keep_remote: optional(boolean) }),
  rename: object({ account, label: text(256) }),
  setProfile: object({ account, profile: optional(profile) }),
  setShiftEnd: object({ profile, ends_at: optional(integer(0, 100_000_000_000)) }),
  endShift: object({ profile, keep_remote: optional(boolean), keep_unlocked: optional(boolean) }),
  retry: object({ account }),
  approve: object({
    id,
    code: optional(text(16)),
    for: optional(duration),
    right: optional(oneOf('use', 'read')),
    account: optional(account),
    scope: optional(text(4096)),
  }),
  deny: object({ id }),
  revokeClient: object({ client: text(64) }),
  revokeGrant: object({ id }),
  forgetChoice: object({ id }),
  stopSession: object({ id }),
  activity: object({
    before: optional(integer(0, Number.MAX_SAFE_INTEGER)),
    after: optional(integer(0, Number.MAX_SAFE_INTEGER)),
    limit: optional(integer(1, 1000)),
  }),
  verifyActivity: object({ expected: optional(text(64)) }),
  lock: nothing,
  unlock: object({ passphrase: optional(anyText(1024)) }),
  configure: object({
    launch_at_login: optional(boolean),
    close_to_tray: optional(boolean),
    lock_with_screen: optional(boolean),
    notify: optional(boolean),
    approval_duration: optional(duration),
    activity_days: optional(integer(1, 3650)),
  }),
  setPaused: object({ paused: boolean }),
  consoleLink: nothing,
  handOver: nothing,
  doctor: nothing,
}

/** The wire on the control socket and the console: `POST {windowPath}/{method}`, and snapshots as server-sent events. */
export const windowPath = '/v1/window'
export const windowEventsPath = '/v1/window/events'

/** The envelope that survives every transport (Electron's IPC drops an error's own members). */
export type WindowResult<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorBody }
