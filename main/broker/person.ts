/**
 * The deciding door: what the person sees and does. The rule: everything here is the person's own act, each leaves a row
 * of activity, and on a terminal an approval needs the code the asking program shows.
 */
import { BrokerError } from '../contract/errors.ts'
import type { Account } from '../contract/model.ts'
import type { Snapshot, Surface, WindowApi } from '../contract/window-api.ts'
import { defined } from './defined.ts'
import type { Desk } from './desk.ts'
import type { DecidingDoor } from './doors.ts'
import { consentCalls, viewClient } from './person-consent.ts'
import { planAgain, planKey, planOf } from './plan.ts'
import type { AccountRecord, Cancel } from './ports.ts'
import { profileCalls } from './profiles.ts'
import { Secret } from './secret.ts'
import { unlinkAccount } from './shifts.ts'

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
      clients: [...desk.clients.values()].map((client) => viewClient(desk, client)),
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
  setProfile: refused,
  setShiftEnd: refused,
  endShift: refused,
  revokeClient: refused,
  revokeGrant: refused,
  forgetChoice: refused,
  stopSession: refused,
  configure: refused,
  setPaused: refused,
  unlock: refused,
  addProvider: refused,
  removeProvider: refused,
} satisfies Partial<WindowApi>

function windowApi(desk: Desk, about: About, surface: Surface, snapshot: () => Promise<Snapshot>): WindowApi {
  const { vault, activity, definitions, person, preferences, servers } = desk.ports
  /** Made durable, then seen. */
  const saved = async (record: AccountRecord): Promise<Account> => {
    await vault.saveAccount(record)
    desk.accounts.put(record)
    desk.changed()
    desk.shifts.watch()
    return desk.view(record)
  }
  return {
    snapshot,
    ...consentCalls(desk, surface),

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
      const plan = planOf(request, again)
      const key = record?.id ?? planKey(plan, request.profile)
      const { sign_in } = await desk.signIns.start(key, plan, record?.id, async (outcome) => {
        const id = await desk.admit(outcome, request.provider, request.label, record?.id, request.profile)
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
      return unlinkAccount(desk, desk.only(account), keep_remote ?? false)
    },

    ...profileCalls(desk, saved),

    async rename({ account, label }) {
      await desk.load()
      const record = desk.only(account)
      const taken = desk.accounts
        .all()
        .some((other) => other.id !== record.id && other.provider === record.provider && other.label === label)
      if (taken)
        throw new BrokerError('invalid_request', `Another account at ${record.provider_name} is called “${label}”.`)
      return saved({ ...record, label })
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

    async activity({ before, after, limit }) {
      return {
        entries: await activity.list({ limit: limit ?? 100, ...defined('before', before), ...defined('after', after) }),
      }
    },

    verifyActivity: ({ expected }) => activity.verify(expected),

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
      desk.shifts.watch()
      await desk.tokens.recover()
      desk.changed()
      return snapshot()
    },

    async configure(change) {
      const next = { ...(await preferences.read()), ...change }
      await preferences.write(next)
      activity.retain(next.activity_days)
      desk.changed()
      return next
    },

    setPaused({ paused }) {
      desk.paused = paused
      desk.uses.review()
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

async function allowCommandLine(desk: Desk, accountId: string): Promise<void> {
  const record = desk.accounts.get(accountId)
  if (!record || !desk.clients.has('cli')) return
  for (const old of desk.grants.of('cli', accountId)) await desk.dropGrant(old)
  await desk.giveGrant({
    client_id: 'cli',
    account_id: accountId,
    scope: record.scope,
    right: record.use_only ? 'use' : 'read',
    until: null,
  })
  desk.changed()
}
