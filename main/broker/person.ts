/**
 * The deciding door: what the person sees and does. The rule: everything here is the person's own act, each leaves a row
 * of activity, and on a terminal an approval needs the code the asking program shows.
 */
import { BrokerError } from '../contract/errors.ts'
import type { AccessRequest } from '../contract/model.ts'
import type { Snapshot, Surface, UnlinkReport, WindowApi } from '../contract/window-api.ts'
import type { Desk } from './desk.ts'
import type { DecidingDoor } from './doors.ts'
import { scopeBeyond, scopeSet, untilOf } from './grants.ts'
import type { AccountRecord, Cancel, ClientRecord, RevokeOutcome, SignInPlan } from './ports.ts'
import { Secret } from './secret.ts'

/** Milliseconds a browser has to come back. */
const SIGN_IN_TIMEOUT = 300_000

/** The host, as surfaces show it. */
export interface About {
  readonly version: string
  readonly host: 'desktop' | 'daemon'
  readonly home: string
  /** A one-time link to the web console, if one is served. */
  consoleLink?(): string | undefined
  /** Ends the host so that the desktop app can own the vault; a host without it keeps the vault. */
  handOver?(): void
}

export function createDecidingDoor(desk: Desk, about: About, onChange: (listener: () => void) => Cancel): DecidingDoor {
  const snapshot = async (surface: Surface): Promise<Snapshot> => {
    await desk.load()
    const { vault, servers } = desk.ports
    const notice = vault.notice()
    return {
      version: about.version,
      surface,
      host: about.host,
      home: about.home,
      vault: { state: desk.state(), protection: vault.protection(), ...(notice !== undefined && { notice }) },
      accounts: desk.accounts.all().map((record) => desk.view(record)),
      clients: [...desk.clients.values()].map(viewClient),
      // Who may read what is the window's to show, where there is one.
      grants: about.host === 'desktop' && surface === 'terminal' ? [] : desk.grants.all(),
      requests: desk.approvals.list(surface),
      sign_ins: desk.signIns.list(),
      providers: await servers.providers(),
      preferences: await desk.ports.preferences.read(),
      paused: desk.paused,
    }
  }
  const on = (surface: Surface): WindowApi => {
    const api = windowApi(desk, about, surface, () => snapshot(surface))
    return about.host === 'desktop' && surface === 'terminal' ? { ...api, ...onlyInTheWindow } : api
  }
  return { snapshot, onChange, on }
}

const refused = (): Promise<never> =>
  Promise.reject(
    new BrokerError('access_denied', 'While the Valetkey app is open, this is decided in its window.', {
      resolve: { command: 'open the Valetkey window' },
    }),
  )

/** While a window owns the broker, what the person decides is taken from that window alone (DESIGN section 4). */
const onlyInTheWindow = {
  approve: refused,
  deny: refused,
  unlink: refused,
  revokeClient: refused,
  revokeGrant: refused,
  configure: refused,
  setPaused: refused,
  unlock: refused,
  addProvider: refused,
  removeProvider: refused,
} satisfies Partial<WindowApi>

function viewClient({ token_hash: _hash, public_key: _key, ...client }: ClientRecord): Snapshot['clients'][number] {
  return client
}

function windowApi(desk: Desk, about: About, surface: Surface, snapshot: () => Promise<Snapshot>): WindowApi {
  const { vault, activity, definitions, person, preferences, servers } = desk.ports
  return {
    snapshot,

    async link(request) {
      desk.requireUnlocked()
      await desk.load()
      const record = request.account === undefined ? undefined : desk.only(request.account)
      if (record && record.provider !== request.provider)
        throw new BrokerError(
          'invalid_request',
          `${record.label} is an account at ${record.provider_name}, not ${request.provider}.`,
        )
      const again = record && (await planAgain(desk, record))
      const plan: SignInPlan = {
        provider: request.provider,
        params: { ...again?.params, ...request.params },
        timeout: SIGN_IN_TIMEOUT,
        ...defined('scope', request.scope ?? again?.scope),
        ...defined('flow', request.flow ?? again?.flow),
        ...defined('redirect', request.redirect),
        ...defined('client_id', request.client_id ?? again?.client_id),
        ...(request.client_secret === undefined
          ? { ...defined('client_secret', again?.client_secret), ...defined('secret_of', again?.secret_of) }
          : { client_secret: new Secret(request.client_secret) }),
        ...(request.username !== undefined &&
          request.password !== undefined && {
            person: { username: request.username, password: new Secret(request.password) },
          }),
      }
      const key =
        record?.id ??
        JSON.stringify([
          ...[plan.provider, plan.params, plan.scope, plan.client_id],
          ...[plan.redirect, plan.flow, plan.person?.username],
        ])
      const { sign_in } = await desk.signIns.start(key, plan, record?.id, async (outcome) => {
        const id = await desk.admit(outcome, request.provider, request.label, record?.id)
        // The person linked it by hand in this terminal, so this terminal's own tool may read it (DESIGN section 4).
        if (surface === 'terminal') await allowCommandLine(desk, id)
        return id
      })
      if (request.open_browser && sign_in.authorization_url !== '') await person.openBrowser(sign_in.authorization_url)
      return sign_in
    },

    async awaitSignIn({ id, timeout }) {
      const end = await desk.signIns.wait(id, timeout * 1000)
      const record = end.account_id === undefined ? undefined : desk.accounts.get(end.account_id)
      return { sign_in: end.sign_in, ...(record && { account: desk.view(record) }) }
    },

    submitRedirect: ({ id, url }) => desk.signIns.submit(id, url),
    deliverRedirect: async ({ url }) => ({ taken: await servers.deliver(url) }),
    describeProvider: (wanted) =>
      definitions.describe(wanted.text === undefined ? { id: wanted.id } : { text: wanted.text }),
    async addProvider({ text }) {
      const summary = await definitions.add(text)
      desk.note({ action: 'provider', outcome: 'added', detail: summary.id })
      desk.changed()
      return summary
    },
    async removeProvider({ id }) {
      const summary = await definitions.remove(id)
      desk.note({ action: 'provider', outcome: 'removed', detail: summary.id })
      desk.changed()
      return summary
    },
    testProvider: async ({ id }) => ({ checks: await servers.tryOut(id) }),
    cancelSignIn: ({ id }) => desk.signIns.cancel(id),

    async unlink({ account, keep_remote }) {
      await desk.load()
      const record = desk.only(account)
      if (!keep_remote) desk.requireUnlocked()
      await desk.tokens.close(record.id)
      let revoked: RevokeOutcome | undefined
      try {
        const stored = keep_remote ? null : (desk.tokens.unsaved(record.id) ?? (await vault.grant(record.id)))
        if (stored) revoked = await servers.revoke(stored.material)
        await vault.unlink(record.id)
        desk.accounts.delete(record.id)
        desk.tokens.forget(record.id)
      } finally {
        desk.tokens.reopen(record.id)
      }
      for (const grant of desk.grants.all()) if (grant.account_id === record.id) await desk.dropGrant(grant)
      const report: UnlinkReport = {
        account_id: record.id,
        remote: keep_remote ? 'kept' : (revoked?.kind ?? 'unsupported'),
        ...(revoked?.detail !== undefined && { detail: revoked.detail }),
      }
      desk.note({ action: 'unlink', outcome: report.remote, account_id: record.id, detail: record.label })
      desk.changed()
      return report
    },

    async rename({ account, label }) {
      await desk.load()
      const record = desk.only(account)
      const taken = desk.accounts
        .all()
        .some((other) => other.id !== record.id && other.provider === record.provider && other.label === label)
      if (taken)
        throw new BrokerError('invalid_request', `Another account at ${record.provider_name} is called “${label}”.`)
      const renamed = { ...record, label }
      await vault.saveAccount(renamed)
      desk.accounts.put(renamed)
      desk.changed()
      return desk.view(renamed)
    },

    async retry({ account }) {
      desk.requireUnlocked()
      await desk.load()
      const record = desk.only(account)
      desk.tokens.hurry(record.id)
      const fresh = await desk.tokens.fresh(record.id, {
        variant: {},
        min_valid_period: undefined,
        force_refresh: true,
        timeout: 30_000,
      })
      if (fresh.kind === 'unavailable') throw fresh.error
      return desk.view(desk.accounts.get(record.id) ?? record)
    },

    async approve(request) {
      const question = desk.approvals.question(request.id)
      const account =
        question?.account?.id ?? (request.account === undefined ? undefined : desk.only(request.account).id)
      if (question?.kind === 'access' && account === undefined)
        throw new BrokerError('account_selection_required', 'Several accounts fit; say which one.', {
          request_id: request.id,
        })
      const approval = {
        for: request.for ?? 'once',
        ...defined('right', request.right),
        ...defined('account_id', account),
        ...defined('code', request.code),
      }
      const answer = desk.approvals.prepare(request.id, approval, surface)
      try {
        if (question?.kind === 'access' && account !== undefined) await consent(desk, question, approval, account)
      } catch (thrown) {
        answer.abandon()
        throw thrown
      }
      desk.note({ action: 'approve', outcome: approval.for, ...clientOf(question), ...defined('account_id', account) })
      return answer.settle()
    },

    deny({ id }) {
      const question = desk.approvals.question(id)
      const denied = desk.approvals.deny(id, surface)
      desk.note({
        action: 'approve',
        outcome: 'denied',
        ...clientOf(question),
        ...defined('account_id', question?.account?.id),
      })
      return Promise.resolve(denied)
    },

    async revokeClient({ client: words }) {
      const found = [...desk.clients.values()].filter((client) => client.id === words || client.name === words)
      const [client] = found
      if (!client)
        throw new BrokerError('not_found', `No program “${words}” is paired.`, {
          resolve: { command: 'valetkey clients' },
        })
      if (found.length > 1)
        throw new BrokerError('account_selection_required', `Several programs are called “${words}”; use an id.`)
      await desk.dropClient(client)
      desk.note({ action: 'revoke', outcome: 'client', client_id: client.id, detail: client.name })
      desk.changed()
      return viewClient(client)
    },

    async revokeGrant({ id }) {
      const grant = desk.grants.get(id)
      if (!grant)
        throw new BrokerError('not_found', 'No such consent is in force.', {
          resolve: { command: 'valetkey consents' },
        })
      await desk.dropGrant(grant)
      desk.note({ action: 'revoke', outcome: 'consent', client_id: grant.client_id, account_id: grant.account_id })
      desk.changed()
      return grant
    },

    async activity({ before, after, limit }) {
      return {
        entries: await activity.list({ limit: limit ?? 100, ...defined('before', before), ...defined('after', after) }),
      }
    },

    async lock() {
      void desk.lock()
      desk.approvals.expireAll()
      desk.signIns.cancelAll()
      desk.note({ action: 'lock', outcome: 'ok' })
      desk.changed()
      return snapshot()
    },

    async unlock({ passphrase }) {
      try {
        await desk.unlock(passphrase === undefined ? undefined : new Secret(passphrase))
      } catch (thrown) {
        desk.note({ action: 'unlock', outcome: 'refused' })
        throw thrown
      }
      desk.note({ action: 'unlock', outcome: 'ok' })
      await desk.reopen()
      await desk.tokens.recover()
      desk.changed()
      return snapshot()
    },

    async configure(change) {
      const next = { ...(await preferences.read()), ...change }
      await preferences.write(next)
      desk.changed()
      return next
    },

    setPaused({ paused }) {
      desk.paused = paused
      if (paused) desk.approvals.expireAll()
      desk.note({ action: paused ? 'lock' : 'unlock', outcome: paused ? 'paused' : 'resumed' })
      desk.changed()
      return snapshot()
    },

    consoleLink() {
      const url = about.consoleLink?.()
      if (url !== undefined) return Promise.resolve({ url })
      return Promise.reject(
        new BrokerError('not_found', 'This broker serves no console.', {
          resolve: { command: 'valetkey daemon --console' },
        }),
      )
    },

    handOver() {
      about.handOver?.()
      return Promise.resolve({ accepted: about.handOver !== undefined })
    },

    async doctor() {
      const findings = [...(await vault.examine()), ...(await definitions.examine())]
      const worst = ['error', 'warning', 'ok']
      return { findings: findings.toSorted((a, b) => worst.indexOf(a.level) - worst.indexOf(b.level)) }
    },
  }
}

/** The plan that repeats an account's own sign-in; `undefined` when nothing is stored of it. */
export async function planAgain(desk: Desk, record: AccountRecord): Promise<SignInPlan | undefined> {
  const stored = await desk.ports.vault.grant(record.id)
  if (!stored) return undefined
  const { connection } = stored.material
  return {
    provider: record.provider,
    ...defined('flow', connection.flow),
    params: connection.params,
    client_id: connection.client_id,
    ...(connection.client_secret && { client_secret: connection.client_secret, secret_of: connection }),
    scope: connection.requested_scope,
    timeout: SIGN_IN_TIMEOUT,
  }
}

type Asked = NonNullable<ReturnType<Desk['approvals']['question']>>

/** The consent as the person gave it, durable before the asker hears of it. */
async function consent(
  desk: Desk,
  question: Asked,
  approval: { readonly for: Parameters<typeof untilOf>[0]; readonly right?: AccessRequest['right'] },
  accountId: string,
): Promise<void> {
  const record = desk.accounts.get(accountId)
  if (!record) throw new BrokerError('not_found', 'That account was unlinked meanwhile.')
  const client = desk.clients.get(question.client.id ?? '')
  if (!client) throw new BrokerError('not_found', 'That program is no longer paired.')
  const beyond = record.scope === '' ? '' : scopeBeyond(question.scope, scopeSet(record.scope))
  if (beyond !== '') throw new BrokerError('invalid_scope', `${record.label} was not granted: ${beyond}`)
  await desk.giveGrant({
    client_id: client.id,
    account_id: accountId,
    scope: question.scope === '' ? record.scope : question.scope,
    right: approval.right ?? question.right,
    ...untilOf(approval.for, desk.seconds()),
  })
}

async function allowCommandLine(desk: Desk, accountId: string): Promise<void> {
  const record = desk.accounts.get(accountId)
  if (!record || !desk.clients.has('cli')) return
  for (const old of desk.grants.of('cli', accountId)) await desk.dropGrant(old)
  await desk.giveGrant({ client_id: 'cli', account_id: accountId, scope: record.scope, right: 'read', until: null })
  desk.changed()
}

const clientOf = (question: Asked | undefined): { client_id?: string } => defined('client_id', question?.client.id)

/** `{ [name]: value }`, or nothing when there is no value: absent is not `undefined` on the wire. */
function defined<const K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: V }
}
