/**
 * The real broker and the real console with everything behind them in memory: a vault, a provider whose sign-in page is
 * one local web page, and programs that ask through the broker's own asking door. The rule: what the window shows is
 * what the real broker says; only what lies beyond its ports is played, as the interfaces in main/broker/ports.ts say.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { Broker } from '../../main/broker/broker.ts'
import type { DecidingDoor, Line } from '../../main/broker/doors.ts'
import type {
  PreferenceStore,
  ClientRecord,
  GrantMaterial,
  Ports,
  RefreshOutcome,
  RevokeOutcome,
  RunningSignIn,
  SignInOutcome,
  SignInPlan,
  TokenVariant,
} from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import type { PairAnswer, TokenAnswer, TokenRequest } from '../../main/contract/client-api.ts'
import { BrokerError } from '../../main/contract/errors.ts'
import {
  defaultPreferences,
  type ClientKind,
  type Preferences,
  type ProviderSummary,
  type Redirect,
} from '../../main/contract/model.ts'
import type { KeySlotKind, Snapshot } from '../../main/contract/window-api.ts'
import { openLibrary } from '../../main/providers/library.ts'
import { systemClock, systemRandomness } from '../../main/daemon/clock.ts'
import { loadAssets } from '../../main/daemon/console-assets.ts'
import { type Console, startConsole } from '../../main/daemon/console.ts'
import { MemoryActivity } from '../fakes/activity-log.ts'
import { connection, MemoryVault, ScriptedServers } from '../fakes/broker-ports.ts'

const rendererFolder = resolve(import.meta.dirname, '../../dist/renderer')

/** A vault in memory that can be kept by any slot and locked with a passphrase, as main/vault's can. */
class HouseVault extends MemoryVault {
  slot: KeySlotKind = 'os-keyring'
  passphrase = ''

  override protection(): 'key-file' {
    return this.slot as 'key-file'
  }
  override unlock(given?: Secret): Promise<void> {
    if (this.slot === 'passphrase' && given?.reveal() !== this.passphrase)
      return Promise.reject(new BrokerError('access_denied', 'That is not the passphrase.'))
    return super.unlock()
  }
}

interface Waiting {
  readonly plan: SignInPlan
  readonly end: (outcome: SignInOutcome) => void
}

/** A provider with a page: `/authorize?n=0` has one link, which signs in. A pasted address is taken by its `code`. */
class HouseServers extends ScriptedServers {
  readonly waiting: Waiting[] = []
  summaries: readonly ProviderSummary[] = [
    {
      id: 'house',
      name: 'House',
      documentation: 'https://house.example/docs',
      variables: [],
      scopes: ['openid', 'mail', 'files'],
    },
    {
      id: 'generic-oidc',
      name: 'Any OpenID provider',
      variables: [
        { name: 'issuer', title: 'Issuer URL', example: 'https://login.example', required: true, secret: false },
      ],
      scopes: [],
    },
  ]
  override reply = (_refreshToken: string, variant: TokenVariant): RefreshOutcome => {
    const { access, refresh_token } = materialFor(variant.scope ?? 'openid mail', 'house')
    return access ? { kind: 'refreshed', access, refresh_token } : { kind: 'offline', detail: 'unreachable' }
  }
  /** The ways back there are, best first. */
  ladder: readonly Redirect[] = ['loopback', 'paste']
  address = ''
  /** The person's own page that the browser ends on. */
  landsOn: string | undefined
  subject = 'ada'
  revocation: RevokeOutcome = { kind: 'revoked' }

  override providers(): Promise<readonly []> {
    return Promise.resolve(this.summaries as readonly [])
  }

  override startSignIn(given: unknown): Promise<RunningSignIn> {
    const plan = given as SignInPlan
    const provider = this.summaries.find(({ id }) => id === plan.provider)
    if (!provider) return Promise.reject(new BrokerError('not_found', `There is no provider “${plan.provider}”.`))
    if (plan.params['issuer']?.startsWith('https://') === false)
      return Promise.reject(new BrokerError('invalid_request', 'params.issuer must be an https URL.'))
    const redirect = plan.redirect ?? this.ladder[0] ?? 'loopback'
    const { promise: done, resolve: end } = Promise.withResolvers<SignInOutcome>()
    const index = this.waiting.push({ plan, end }) - 1
    return Promise.resolve({
      provider_name: provider.name,
      flow: plan.flow ?? 'browser',
      authorization_url: plan.person ? '' : `${this.address}/authorize?n=${String(index)}`,
      redirect,
      ...(this.landsOn !== undefined && { lands_on: this.landsOn }),
      rungs: this.ladder.filter((rung) => rung !== redirect),
      done,
      submit: (url) => {
        if (!URL.canParse(url) || !new URL(url).searchParams.has('code'))
          return Promise.reject(new BrokerError('invalid_request', 'This address holds no answer of the provider.'))
        this.finish(index)
        return Promise.resolve()
      },
      cancel: () => {
        end({ kind: 'cancelled' })
      },
    })
  }

  override revoke(): Promise<RevokeOutcome> {
    return Promise.resolve(this.revocation)
  }

  /** The person finishes the sign-in at the provider. */
  finish(index: number): void {
    const sign = this.waiting[index]
    if (!sign) throw new Error(`no sign-in ${String(index)}`)
    const name = this.summaries.find(({ id }) => id === sign.plan.provider)?.name ?? ''
    sign.end({
      kind: 'signed-in',
      material: materialFor(sign.plan.scope ?? 'openid mail', sign.plan.provider),
      identity: { issuer: 'https://house.example', subject: this.subject, label: `${this.subject}@house.example` },
      scope: sign.plan.scope ?? 'openid mail',
      provider_name: name,
    })
  }
}

function materialFor(scope: string, provider: string): GrantMaterial {
  const now = Date.now() / 1000
  return {
    connection: { ...connection, provider, params: {} },
    refresh_token: new Secret('canary-refresh-token'),
    access: {
      value: new Secret('canary-access-token'),
      token_type: 'Bearer',
      scope,
      obtained_at: now,
      expires_at: now + 3600,
    },
  }
}

/** A program that asks, as the endpoint would carry it. */
export interface Program {
  readonly client: ClientRecord
  readonly token: (request: TokenRequest) => Promise<TokenAnswer>
  /** What it shows the person for its newest question; polls until there is one. */
  readonly code: () => string | undefined
}

export interface StandIn {
  readonly console: Console
  readonly broker: Broker
  readonly vault: HouseVault
  readonly servers: HouseServers
  readonly activity: MemoryActivity
  readonly preferences: HousePreferences
  /** What the person's surfaces are served from, `patch` included. */
  readonly deciding: DecidingDoor
  /** Changes every snapshot before it is shown; for states the real broker cannot be brought to here. */
  patch: (snapshot: Snapshot) => Snapshot
  /** Pushes a snapshot as after a change. */
  readonly nudge: () => void
  readonly addAccount: (
    label: string,
    options?: { readonly scope?: string; readonly provider?: string; readonly provider_name?: string },
  ) => Promise<string>
  readonly addProgram: (name: string, kind?: ClientKind) => Promise<Program>
  /** Asks to be paired; `code` is what the program shows. */
  readonly pair: (
    name: string,
    kind?: ClientKind,
  ) => { readonly done: Promise<PairAnswer>; readonly code: () => string | undefined }
  readonly close: () => Promise<void>
}

/** Preferences that are remembered, or cannot be written while `full`. */
class HousePreferences implements PreferenceStore {
  kept = defaultPreferences
  full = false

  read(): Promise<Preferences> {
    return Promise.resolve(this.kept)
  }
  write(next: Preferences): Promise<void> {
    if (this.full) return Promise.reject(new BrokerError('temporarily_unavailable', 'The disk is full.'))
    this.kept = next
    return Promise.resolve()
  }
}

export async function startStandIn(options: { readonly port?: number } = {}): Promise<StandIn> {
  const vault = new HouseVault()
  const servers = new HouseServers()
  const activity = new MemoryActivity()
  const preferences = new HousePreferences()
  const ports: Ports = {
    clock: systemClock,
    randomness: systemRandomness,
    vault,
    servers,
    definitions: openLibrary('/nowhere', () => undefined),
    activity,
    log: () => undefined,
    faults: () => undefined,
    preferences,
    person: { openBrowser: () => Promise.resolve(false), questionWaiting: () => undefined },
  }
  const provider = await startProviderPage(servers)
  const broker = new Broker(ports, { version: '0.1.0', host: 'daemon', home: '/home/ada/.local/share/valetkey' })
  await broker.open()
  const listeners = new Set<() => void>()
  const house = { patch: (snapshot: Snapshot): Snapshot => snapshot }
  const deciding: DecidingDoor = {
    on: (surface) => broker.deciding.on(surface),
    snapshot: async (surface) => house.patch(await broker.deciding.snapshot(surface)),
    onChange: (listener) => {
      listeners.add(listener)
      const cancel = broker.deciding.onChange(listener)
      return () => {
        listeners.delete(listener)
        cancel()
      }
    },
  }
  const served = await startConsole({
    deciding,
    assets: await loadAssets(rendererFolder),
    log: () => undefined,
    ...(options.port !== undefined && { port: options.port }),
  })
  const nudge = (): void => {
    for (const listener of listeners) listener()
  }
  let planted = 0
  return {
    console: served,
    broker,
    vault,
    servers,
    activity,
    preferences,
    deciding,
    nudge,
    get patch() {
      return house.patch
    },
    set patch(change) {
      house.patch = change
      nudge()
    },
    async addAccount(label, { scope = 'openid mail', provider: id = 'house', provider_name = 'House' } = {}) {
      planted++
      servers.subject = `subject-${String(planted)}`
      servers.summaries = servers.summaries.some((summary) => summary.id === id)
        ? servers.summaries
        : [...servers.summaries, { id, name: provider_name, variables: [], scopes: [] }]
      const window = broker.deciding.on('console')
      const { id: signIn } = await window.link({ provider: id, scope, label })
      servers.finish(servers.waiting.length - 1)
      const { account } = await window.awaitSignIn({ id: signIn, timeout: 10 })
      if (!account) throw new Error('the sign-in brought no account')
      return account.id
    },
    async addProgram(name, kind = 'script') {
      const { done } = askToPair(broker, name, kind)
      const window = broker.deciding.on('console')
      const request = (await window.snapshot()).requests.find((one) => one.kind === 'pair' && one.client.name === name)
      await window.approve({ id: request?.id ?? '' })
      const { client_token } = await done
      const client = broker.asking.authenticate(client_token)
      if (!client) throw new Error('the pairing made no client')
      return programOf(broker, client)
    },
    pair: (name, kind = 'script') => askToPair(broker, name, kind),
    async close() {
      await served.close()
      await broker.stop()
      provider.closeAllConnections()
      await new Promise((closed) => provider.close(closed))
    },
  }
}

function askToPair(broker: Broker, name: string, kind: ClientKind): ReturnType<StandIn['pair']> {
  let code: string | undefined
  const line: Line = {
    signal: new AbortController().signal,
    pending: (question) => {
      code = question.code
    },
  }
  const done = broker.asking.pair({ name, kind }, line)
  // Whoever does not wait for the answer need not hear of the refusal.
  done.catch(() => undefined)
  return { done, code: () => code }
}

function programOf(broker: Broker, client: ClientRecord): Program {
  let code: string | undefined
  return {
    client,
    code: () => code,
    token(request) {
      const answer = broker.asking.token(client, request, {
        signal: new AbortController().signal,
        pending: (question) => {
          code = question.code
        },
      })
      answer.catch(() => undefined)
      return answer
    },
  }
}

/** The provider's sign-in page, on a port of its own. */
async function startProviderPage(servers: HouseServers): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', servers.address)
    const n = Number(url.searchParams.get('n'))
    response.setHeader('content-type', 'text/html; charset=utf-8')
    if (url.pathname === '/authorize')
      response.end(
        `<!doctype html><title>House sign-in</title><h1>Sign in at House</h1><a href="/finish?n=${String(n)}">Sign in</a>`,
      )
    else if (url.pathname === '/finish') {
      servers.finish(n)
      response.end('<!doctype html><title>Done</title><h1>You can close this tab</h1>')
    } else response.writeHead(404).end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  servers.address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return server
}
