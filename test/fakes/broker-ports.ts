/**
 * The broker's ports without disk, network or waiting: a clock that moves when told, a vault that keeps the generations
 * the way main/vault does (compare and swap, one previous generation, intents, quarantine), and authorization servers
 * that answer from a script. For tests of decisions; what the real parts do is tested with the real parts.
 */
import {
  GenerationConflict,
  StorageFault,
  type AccountRecord,
  type ActivityLog,
  type AuthorizationServers,
  type ClientRecord,
  type Clock,
  type Connection,
  type FaultPoint,
  type GrantMaterial,
  type Intent,
  type Person,
  type Ports,
  type RefreshOutcome,
  type RunningSignIn,
  type SignInOutcome,
  type StoredGrant,
  type TokenVariant,
  type Vault,
} from '../../main/broker/ports.ts'
import { BrokerError } from '../../main/contract/errors.ts'
import { defaultPreferences, type ActivityEntry, type Grant, type VaultState } from '../../main/contract/model.ts'
import { Secret } from '../../main/broker/secret.ts'
import { openLibrary } from '../../main/providers/library.ts'

/** Lets every promise that can settle, settle. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 300; i++) await Promise.resolve()
}

export class ManualClock implements Clock {
  #now = 1_800_000_000_000
  #mono = 0
  #timers: { due: number; task: () => void }[] = []

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#mono
  }

  after(delay: number, task: () => void): () => void {
    const timer = { due: this.#mono + Math.max(0, delay), task }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** The wall clock jumps; nothing else does. */
  jump(milliseconds: number): void {
    this.#now += milliseconds
  }

  get waiting(): readonly number[] {
    return this.#timers.map((timer) => timer.due - this.#mono)
  }

  /** Time passes, timers fire in order, promises settle in between. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#mono + milliseconds
    await settled()
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.due - b.due)[0]
      if (!next || next.due > end) break
      this.#timers = this.#timers.filter((other) => other !== next)
      this.#now += next.due - this.#mono
      this.#mono = next.due
      next.task()
      await settled()
    }
    this.#now += end - this.#mono
    this.#mono = end
    await settled()
  }
}

interface Row {
  generation: number
  material: GrantMaterial
  previous: StoredGrant | undefined
  quarantined: boolean
}

export class MemoryVault implements Vault {
  readonly records = new Map<string, AccountRecord>()
  readonly rows = new Map<string, Row>()
  readonly open = new Map<string, Intent>()
  readonly clientRecords = new Map<string, ClientRecord>()
  readonly grantRecords = new Map<string, Grant>()
  readonly calls: string[] = []
  current: VaultState = 'unlocked'
  /** While set, every durable write fails like a full disk. */
  full = false

  state(): VaultState {
    return this.current
  }
  protection(): 'key-file' {
    return 'key-file'
  }
  notice(): undefined {
    return undefined
  }
  unlock(): Promise<void> {
    this.current = 'unlocked'
    return Promise.resolve()
  }
  lock(): void {
    this.current = 'locked'
  }
  close(): void {
    this.calls.push('close')
  }
  accounts(): Promise<readonly AccountRecord[]> {
    return Promise.resolve([...this.records.values()])
  }
  saveAccount(record: AccountRecord): Promise<void> {
    return this.#write('saveAccount', () => {
      if (this.records.has(record.id)) this.records.set(record.id, record)
    })
  }
  link(record: AccountRecord, material: GrantMaterial): Promise<StoredGrant> {
    return this.#write('link', () => {
      const generation = (this.rows.get(record.id)?.generation ?? 0) + 1
      this.records.set(record.id, record)
      this.rows.set(record.id, { generation, material, previous: undefined, quarantined: false })
      this.open.delete(record.id)
      return { generation, material }
    })
  }
  unlink(id: string): Promise<void> {
    return this.#write('unlink', () => {
      this.records.delete(id)
      this.rows.delete(id)
      this.open.delete(id)
    })
  }
  grant(id: string): Promise<StoredGrant | null> {
    if (this.current === 'locked') return Promise.reject(new BrokerError('locked', 'The vault is locked.'))
    const row = this.rows.get(id)
    if (!row) return Promise.resolve(null)
    const material = row.quarantined ? { ...row.material, refresh_token: null, access: null } : row.material
    return Promise.resolve({ generation: row.generation, material })
  }
  beginRefresh(account_id: string, generation: number): Promise<void> {
    return this.#write('beginRefresh', () => void this.open.set(account_id, { account_id, generation, started_at: 0 }))
  }
  commitRefresh(id: string, generation: number, material: GrantMaterial): Promise<StoredGrant> {
    const row = this.rows.get(id)
    if (this.current === 'locked') return Promise.reject(new BrokerError('locked', 'The vault is locked.'))
    if (row?.generation !== generation) return Promise.reject(new GenerationConflict())
    return this.#write('commitRefresh', () => {
      row.previous = { generation: row.generation, material: row.material }
      row.generation++
      row.material = material
      this.open.delete(id)
      return { generation: row.generation, material }
    })
  }
  endRefresh(id: string): Promise<void> {
    return this.#write('endRefresh', () => void this.open.delete(id))
  }
  intents(): Promise<readonly Intent[]> {
    return Promise.resolve([...this.open.values()])
  }
  quarantine(record: AccountRecord, generation: number): Promise<void> {
    return this.#write('quarantine', () => {
      if (this.records.has(record.id)) this.records.set(record.id, record)
      const row = this.rows.get(record.id)
      if (row?.generation === generation) row.quarantined = true
      this.open.delete(record.id)
    })
  }
  clients(): Promise<readonly ClientRecord[]> {
    return Promise.resolve([...this.clientRecords.values()])
  }
  saveClient(record: ClientRecord): Promise<void> {
    return this.#write('saveClient', () => void this.clientRecords.set(record.id, record))
  }
  removeClient(id: string): Promise<void> {
    return this.#write('removeClient', () => void this.clientRecords.delete(id))
  }
  grants(): Promise<readonly Grant[]> {
    return Promise.resolve([...this.grantRecords.values()])
  }
  saveGrant(grant: Grant): Promise<void> {
    return this.#write('saveGrant', () => void this.grantRecords.set(grant.id, grant))
  }
  removeGrant(id: string): Promise<void> {
    return this.#write('removeGrant', () => void this.grantRecords.delete(id))
  }
  examine(): Promise<readonly []> {
    return Promise.resolve([])
  }

  #write<T>(name: string, change: () => T): Promise<T> {
    this.calls.push(name)
    if (this.full) return Promise.reject(new StorageFault('disk full', undefined))
    return Promise.resolve(change())
  }
}

export const connection: Connection = {
  provider: 'generic-oidc',
  issuer: 'https://op.example',
  token_endpoint: 'https://op.example/token',
  client_id: 'valetkey',
  token_endpoint_auth_method: 'none',
  insecure_loopback: false,
  rotation: 'always',
  authorization_template: 'Bearer ${access_token}',
  api_base_urls: ['https://api.op.example/'],
  params: { issuer: 'https://op.example' },
  requested_scope: 'openid offline_access',
}

/** One refresh that waits for its answer. */
export interface Sent {
  readonly refresh_token: string
  readonly variant: TokenVariant
  answer(outcome: RefreshOutcome): void
}

export class ScriptedServers implements AuthorizationServers {
  readonly sent: Sent[] = []
  readonly revoked: string[] = []
  readonly signIns: { readonly plan: unknown; end(outcome: SignInOutcome): void }[] = []
  /** Answers refreshes at once when set. */
  reply: ((refresh_token: string, variant: TokenVariant) => RefreshOutcome) | undefined

  providers(): Promise<readonly []> {
    return Promise.resolve([])
  }
  tryOut(): Promise<[]> {
    return Promise.resolve([])
  }

  startSignIn(plan: unknown): Promise<RunningSignIn> {
    let end: (outcome: SignInOutcome) => void = () => undefined
    const done = new Promise<SignInOutcome>((resolve) => {
      end = resolve
    })
    this.signIns.push({ plan, end })
    return Promise.resolve({
      provider_name: 'Example',
      flow: 'browser',
      authorization_url: 'https://op.example/authorize',
      redirect: 'loopback',
      rungs: ['paste'],
      done,
      submit: () => Promise.resolve(),
      cancel: () => {
        end({ kind: 'cancelled' })
      },
    })
  }
  refresh(_connection: Connection, refresh_token: Secret, variant: TokenVariant): Promise<RefreshOutcome> {
    return new Promise((resolve) => {
      this.sent.push({ refresh_token: refresh_token.reveal(), variant, answer: resolve })
      if (this.reply) resolve(this.reply(refresh_token.reveal(), variant))
    })
  }
  deliver(): Promise<boolean> {
    return Promise.resolve(false)
  }
  revoke(material: GrantMaterial): Promise<{ readonly kind: 'revoked' }> {
    this.revoked.push(material.refresh_token?.reveal() ?? '')
    return Promise.resolve({ kind: 'revoked' })
  }
}

export interface Rig {
  readonly ports: Ports
  readonly clock: ManualClock
  readonly vault: MemoryVault
  readonly servers: ScriptedServers
  readonly opened: string[]
  readonly rows: Omit<ActivityEntry, 'id'>[]
  readonly faults: FaultPoint[]
  /** `false`: there is no browser. */
  browser: boolean
}

export function createRig(): Rig {
  const clock = new ManualClock()
  const vault = new MemoryVault()
  const servers = new ScriptedServers()
  const opened: string[] = []
  const rows: Omit<ActivityEntry, 'id'>[] = []
  const faults: FaultPoint[] = []
  let counter = 0
  let preferences = defaultPreferences
  const activity: ActivityLog = {
    append: (entry) => void rows.push(entry),
    list: () => Promise.resolve(rows.map((row, index) => ({ ...row, id: index + 1 })).toReversed()),
  }
  const rig: Rig = {
    clock,
    vault,
    servers,
    opened,
    rows,
    faults,
    browser: true,
    ports: {
      clock,
      vault,
      servers,
      definitions: openLibrary('/nowhere', () => undefined),
      activity,
      preferences: {
        read: () => Promise.resolve(preferences),
        write: (next) => {
          preferences = next
          return Promise.resolve()
        },
      },
      log: () => undefined,
      faults: (point) => void faults.push(point),
      randomness: {
        bytes: (length) => {
          counter++
          return Uint8Array.from({ length }, (_, index) => (counter * 31 + index * 7) % 256)
        },
      },
      person: {
        openBrowser: (url) => {
          opened.push(url)
          return Promise.resolve(rig.browser)
        },
        questionWaiting: () => undefined,
      } satisfies Person,
    },
  }
  return rig
}

/** An account with material, as `link` would have stored it: an access token good for `lifetime` seconds from now. */
export async function plant(
  rig: Rig,
  id: string,
  options: { lifetime?: number; scope?: string; connection?: Partial<Connection>; label?: string } = {},
): Promise<AccountRecord> {
  const now = rig.clock.now() / 1000
  const record: AccountRecord = {
    id,
    provider: 'generic-oidc',
    provider_name: 'Example',
    label: options.label ?? `${id}@example`,
    issuer: 'https://op.example',
    subject: id,
    scope: options.scope ?? 'openid mail files',
    renewable: true,
    linked_at: Math.floor(now),
    standing: 'connected',
  }
  await rig.vault.link(record, {
    connection: { ...connection, ...options.connection },
    refresh_token: new Secret(`rt-${id}-1`),
    access: {
      value: new Secret(`at-${id}-1`),
      token_type: 'Bearer',
      scope: record.scope,
      obtained_at: now,
      expires_at: now + (options.lifetime ?? 3600),
    },
  })
  return record
}

/** A refresh that worked; `refresh_token` `null` means the provider sent none. */
export function refreshed(
  rig: Rig,
  access: string,
  refresh_token: string | null,
  lifetime = 3600,
  scope = '',
): RefreshOutcome {
  const now = rig.clock.now() / 1000
  return {
    kind: 'refreshed',
    access: {
      value: new Secret(access),
      token_type: 'Bearer',
      scope,
      obtained_at: now,
      expires_at: now + lifetime,
    },
    refresh_token: refresh_token === null ? null : new Secret(refresh_token),
  }
}
