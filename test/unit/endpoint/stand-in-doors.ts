/**
 * A small honest broker behind both doors, for tests of the endpoint alone: it counts every call, knows two clients, and
 * answers or refuses as the account's name says. The rule: it does what main/broker/doors.ts promises and nothing more,
 * so what a test finds missing in its counts has not happened.
 */
import type { AskingDoor, DecidingDoor, Line } from '../../../main/broker/doors.ts'
import type { ApiCall } from '../../../main/broker/api-call.ts'
import type { AccountRecord, ClientRecord } from '../../../main/broker/ports.ts'
import { Secret } from '../../../main/broker/secret.ts'
import type { Use, UseEnd } from '../../../main/broker/use.ts'
import type {
  PairAnswer,
  PairRequest,
  TokenAnswer,
  TokenRequest,
  UseRequest,
} from '../../../main/contract/client-api.ts'
import { BrokerError } from '../../../main/contract/errors.ts'
import { defaultPreferences } from '../../../main/contract/model.ts'
import type { Snapshot, WindowApi } from '../../../main/contract/window-api.ts'
import { apiHeaders, judgeApiAnswer } from '../../../main/oauth/api-answer.ts'
import { connection } from '../../fakes/broker-ports.ts'

export const clientToken = `vkc_${'a'.repeat(43)}`
export const secondToken = `vkc_${'b'.repeat(43)}`
/** Must never be in an answer that refuses. */
export const accessToken = 'access-token-canary-5f1c9e'
/** What a fault's message holds; must never leave the process. */
export const faultSecret = 'fault-message-canary-77ab'

export const clientOf = (id: string): ClientRecord => ({ id, name: id, kind: 'script', paired_at: 1, token_hash: '' })

const accountRecord: AccountRecord = {
  ...{
    id: 'a1',
    provider: 'example',
    provider_name: 'Example',
    label: 'ada',
    scope: '',
    renewable: true,
    linked_at: 1,
  },
  standing: 'connected',
}

export class StandInAsking implements AskingDoor {
  readonly calls: string[] = []
  readonly clients = new Map([
    [clientToken, clientOf('first')],
    [secondToken, clientOf('second')],
  ])
  readonly requests: TokenRequest[] = []
  readonly signals: AbortSignal[] = []
  /** Refreshes that ran to their end. */
  refreshed = 0
  /** Of proxied calls: what was asked, how each ended, what headers were wanted for. */
  readonly uses: UseRequest[] = []
  readonly ends: UseEnd[] = []
  readonly apiCalls: ApiCall[] = []
  renewed = 0
  closed = 0
  /** Aborted: the person takes everything back. */
  readonly taken = new AbortController()
  /** The API of every account, its tokens one after the other, and its rules; for a test to set. */
  bases: readonly string[] = []
  tokens: readonly string[] = [accessToken]
  rules: string | undefined
  /** The key its tokens are bound to, where they are. */
  key: { readonly dpop_key?: Secret } = {}
  #waits: { readonly what: string; readonly go: () => void }[] = []

  /** Lets every call that waits go on, or those for one account. */
  release(what?: string): void {
    const due = this.#waits.filter((wait) => what === undefined || wait.what === what)
    this.#waits = this.#waits.filter((wait) => !due.includes(wait))
    for (const { go } of due) go()
  }

  authenticate(token: string): ClientRecord | null {
    return this.clients.get(token) ?? null
  }

  still(client: ClientRecord): ClientRecord | null {
    return [...this.clients.values()].find(({ id }) => id === client.id) ?? null
  }

  ready(_client: ClientRecord, request: TokenRequest): TokenAnswer | undefined {
    if (request.account !== 'ready') return undefined
    this.calls.push('ready')
    this.requests.push(request)
    return readyAnswer
  }

  async pair(request: PairRequest, line: Line): Promise<PairAnswer> {
    this.calls.push('pair')
    line.pending({ request_id: 'q-pair', code: 'WXYZ-2345' })
    await this.#wait('pair', line.signal)
    return { client_id: request.name, client_token: clientToken }
  }

  async token(asking: ClientRecord, request: TokenRequest, line: Line): Promise<TokenAnswer> {
    this.calls.push('token')
    this.requests.push(request)
    if (request.scope === 'everything') throw new BrokerError('invalid_scope', 'Not that much.')
    switch (request.account ?? '') {
      case 'theirs':
        if (asking.id !== 'first') throw new BrokerError('access_denied', 'Not yours.')
        break
      case 'ask':
        line.pending({ request_id: 'q-1', code: 'ABCD-1234' })
        await this.#wait('ask', line.signal)
        break
      case 'refresh':
        await this.#wait('refresh')
        this.refreshed++
        break
      case 'busy':
        throw new BrokerError('temporarily_unavailable', 'The provider is away.', { retry_after: 7 })
      case 'fault':
        throw new Error(`cannot read ${faultSecret}`)
    }
    return answer()
  }

  invalidate(): Promise<TokenAnswer> {
    this.calls.push('invalidate')
    return Promise.resolve(answer())
  }

  /** As the broker does it for an account whose consent is there; `renew` goes on to the next of `tokens`. */
  async use(client: ClientRecord, request: UseRequest, line: Line): Promise<Use> {
    this.calls.push(`use ${request.method} ${request.account}`)
    this.uses.push(request)
    if (request.account === 'theirs' && client.id !== 'first')
      throw new BrokerError('not_found', 'There is no such account.')
    if (request.account === 'ask') {
      line.pending({ request_id: 'q-1', code: 'ABCD-1234' })
      await this.#wait('ask', line.signal)
    }
    return this.#useOf(0)
  }

  #useOf(index: number): Use {
    const value = new Secret(this.tokens[Math.min(index, this.tokens.length - 1)] ?? '')
    const access = { value, token_type: 'Bearer', scope: '', obtained_at: 1, expires_at: null }
    const api = {
      ...connection,
      ...this.key,
      api_base_urls: this.bases,
      ...(this.rules !== undefined && { rules: this.rules }),
    }
    return {
      account: accountRecord,
      connection: api,
      access,
      token_id: `t${String(index)}`,
      headers: (call) => {
        this.apiCalls.push(call)
        const headers = apiHeaders(api, access)
        return Promise.resolve(call.nonce === undefined ? headers : { ...headers, DPoP: `proof over ${call.nonce}` })
      },
      judge: (said) => judgeApiAnswer(api, said),
      renew: () => {
        this.renewed++
        return this.tokens[index + 1] === undefined
          ? Promise.reject(new BrokerError('slow_down', 'Too often.'))
          : Promise.resolve(this.#useOf(index + 1))
      },
      signal: this.taken.signal,
      ended: (end) => void this.ends.push(end),
      close: () => void this.closed++,
    }
  }

  accounts(): ReturnType<AskingDoor['accounts']> {
    this.calls.push('accounts')
    return Promise.resolve({
      accounts: [
        { id: 'a1', label: 'ada', provider: 'github', state: 'connected', scope: 'repo', rights: ['use', 'read'] },
      ],
    })
  }

  request(_client: ClientRecord, id: string): ReturnType<AskingDoor['request']> {
    this.calls.push(`request ${id}`)
    return Promise.resolve({
      id,
      kind: 'access',
      state: 'pending',
      right: 'read',
      scope: 'repo',
      code: 'ABCD-1234',
      expires_at: 2,
    })
  }

  requirePossession(): void {
    this.calls.push('requirePossession')
    throw new BrokerError('invalid_client', 'This program signs its requests.')
  }

  requestAccess(): ReturnType<AskingDoor['requestAccess']> {
    this.calls.push('requestAccess')
    return Promise.resolve({ state: 'approved', right: 'use' })
  }

  startSession(): ReturnType<AskingDoor['startSession']> {
    this.calls.push('startSession')
    return Promise.resolve({ session_id: 's1', client_token: secondToken, right: 'use', expires_at: 2 })
  }

  endSession(): ReturnType<AskingDoor['endSession']> {
    this.calls.push('endSession')
    return Promise.resolve({ ended: true })
  }

  status(): ReturnType<AskingDoor['status']> {
    this.calls.push('status')
    return Promise.resolve({ version: '0', locked: false, counts: { accounts: 1, requests: 0 } })
  }

  #wait(what: string, signal?: AbortSignal): Promise<void> {
    if (signal) this.signals.push(signal)
    return new Promise((go, reject) => {
      this.#waits.push({ what, go })
      signal?.addEventListener('abort', () => {
        reject(new BrokerError('access_denied', 'The caller has gone.'))
      })
    })
  }
}

function answer(): TokenAnswer {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: 3600,
    expires_at: 1_800_000_000,
    scope: 'repo',
    account: { id: 'a1', label: 'ada' },
    provider: 'github',
    token_id: 't1',
    authorization: `Bearer ${accessToken}`,
  }
}

/** As the broker gives it: frozen, and the same one again. */
const readyAnswer = Object.freeze({ ...answer(), account: { id: 'a1', label: 'Ada Lovelace, née Byron' } })

export const snapshot: Snapshot = {
  version: '0',
  surface: 'terminal',
  host: 'daemon',
  home: '/nowhere',
  vault: { state: 'unlocked', protection: 'key-file' },
  accounts: [],
  clients: [],
  grants: [],
  requests: [],
  sign_ins: [],
  providers: [],
  preferences: defaultPreferences,
  paused: false,
}

export class StandInDeciding implements DecidingDoor {
  readonly calls: string[] = []
  readonly surfaces: string[] = []
  snapshots = 0
  /** Made longer by tests that want a slow reader. */
  padding = ''
  readonly #listeners = new Set<() => void>()

  get listeners(): number {
    return this.#listeners.size
  }

  on(surface: Parameters<DecidingDoor['on']>[0]): WindowApi {
    this.surfaces.push(surface)
    return new Proxy({} as WindowApi, {
      get: (_api, name: string) => (argument: unknown) => {
        this.calls.push(name)
        if (name === 'deny') throw new BrokerError('not_found', 'There is no such question.')
        if (name === 'doctor') throw new Error(faultSecret)
        return Promise.resolve({ name, argument: argument ?? null })
      },
    })
  }

  snapshot(): Promise<Snapshot> {
    this.snapshots++
    return Promise.resolve({ ...snapshot, home: `/nowhere/${String(this.snapshots)}${this.padding}` })
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  change(): void {
    for (const listener of this.#listeners) listener()
  }
}
