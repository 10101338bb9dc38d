/**
 * Sign-ins under way. The rule (R3): one per account and one per new connection, so that any number of tools and
 * impatient clicks share one browser tab; what it brings becomes an account only through the caller's `finish`.
 */
import type { SignIn } from '../contract/model.ts'
import { BrokerError } from '../contract/errors.ts'
import type { AuthorizationServers, Clock, Randomness, RunningSignIn, SignInOutcome, SignInPlan } from './ports.ts'
import { randomId } from './ids.ts'

/** Milliseconds an ended sign-in stays visible, so that a person can read how it ended. */
const REMEMBERED_FOR = 60_000
const RUNNING_AT_MOST = 16

export interface SignInEnd {
  readonly sign_in: SignIn
  readonly account_id?: string
}

interface Entry {
  view: SignIn
  readonly key: string
  readonly running: RunningSignIn
  readonly ended: Promise<SignInEnd>
}

export class SignIns {
  readonly #clock: Clock
  readonly #randomness: Randomness
  readonly #servers: AuthorizationServers
  readonly #changed: () => void
  readonly #entries = new Map<string, Entry>()
  /** Starts under way (discovery takes a request), so that two callers at once still share one. */
  readonly #starting = new Map<string, Promise<Entry>>()

  constructor(clock: Clock, randomness: Randomness, servers: AuthorizationServers, changed: () => void) {
    this.#clock = clock
    this.#randomness = randomness
    this.#servers = servers
    this.#changed = changed
  }

  /**
   * Starts the sign-in for `key` (an account, or the plan itself), or joins the one that runs. `finish` turns a success
   * into an account and answers its id; what it throws is how the sign-in failed. `first` tells the caller that it is
   * the one to open the browser.
   */
  async start(
    key: string,
    plan: SignInPlan,
    accountId: string | undefined,
    finish: (outcome: Extract<SignInOutcome, { kind: 'signed-in' }>) => Promise<string>,
  ): Promise<{ readonly sign_in: SignIn; readonly ended: Promise<SignInEnd>; readonly first: boolean }> {
    const running = [...this.#entries.values()].find((entry) => entry.key === key && isRunning(entry.view))
    const starting = running ? Promise.resolve(running) : this.#starting.get(key)
    if (starting) {
      const entry = await starting
      return { sign_in: entry.view, ended: entry.ended, first: false }
    }
    if ([...this.#entries.values()].filter((entry) => isRunning(entry.view)).length >= RUNNING_AT_MOST)
      throw new BrokerError('slow_down', 'Too many sign-ins are waiting; finish or cancel one.', { retry_after: 30 })
    const start = this.#open(key, plan, accountId, finish).finally(() => this.#starting.delete(key))
    this.#starting.set(key, start)
    const entry = await start
    return { sign_in: entry.view, ended: entry.ended, first: true }
  }

  async #open(
    key: string,
    plan: SignInPlan,
    accountId: string | undefined,
    finish: (outcome: Extract<SignInOutcome, { kind: 'signed-in' }>) => Promise<string>,
  ): Promise<Entry> {
    const running = await this.#servers.startSignIn(plan)
    const id = randomId(this.#randomness)
    const view: SignIn = {
      id,
      provider: plan.provider,
      provider_name: running.provider_name,
      ...(accountId !== undefined && { account_id: accountId }),
      flow: running.flow,
      redirect: running.redirect,
      rungs: running.rungs,
      ...(running.lands_on !== undefined && { lands_on: running.lands_on }),
      state: 'waiting',
      authorization_url: running.authorization_url,
      ...(running.user_code !== undefined && { user_code: running.user_code }),
      expires_at: Math.floor((this.#clock.now() + plan.timeout) / 1000),
    }
    const ended = running.done.then((outcome) => this.#finish(id, outcome, finish))
    const entry: Entry = { view, key, running, ended }
    this.#entries.set(id, entry)
    this.#changed()
    return entry
  }

  async #finish(
    id: string,
    outcome: SignInOutcome,
    finish: (outcome: Extract<SignInOutcome, { kind: 'signed-in' }>) => Promise<string>,
  ): Promise<SignInEnd> {
    this.#clock.after(REMEMBERED_FOR, () => {
      if (this.#entries.delete(id)) this.#changed()
    })
    switch (outcome.kind) {
      case 'cancelled':
        return { sign_in: this.#update(id, { state: 'cancelled' }) }
      case 'expired':
        return {
          sign_in: this.#failed(
            id,
            new BrokerError('timeout', 'The browser did not come back in time. Nothing was changed.'),
          ),
        }
      case 'refused':
        return { sign_in: this.#failed(id, outcome.error) }
      case 'signed-in':
        this.#update(id, { state: 'finishing' })
        try {
          const accountId = await finish(outcome)
          return { sign_in: this.#update(id, { state: 'done', account_id: accountId }), account_id: accountId }
        } catch (thrown) {
          const error =
            thrown instanceof BrokerError
              ? thrown
              : new BrokerError('server_error', 'The sign-in worked, but the vault could not keep it.', {
                  cause: thrown,
                })
          return { sign_in: this.#failed(id, error) }
        }
    }
  }

  #failed(id: string, error: BrokerError): SignIn {
    return this.#update(id, { state: 'failed', error: { code: error.code, description: error.message } })
  }

  #update(id: string, change: Partial<SignIn>): SignIn {
    const entry = this.#entries.get(id)
    if (!entry) throw new BrokerError('not_found', 'That sign-in is no longer known.')
    entry.view = { ...entry.view, ...change }
    this.#changed()
    return entry.view
  }

  /** Waits for the end, at most `timeout` milliseconds. Throws `not_found`. */
  async wait(id: string, timeout: number): Promise<SignInEnd> {
    const entry = this.#find(id)
    let cancel = (): void => undefined
    const late = new Promise<SignInEnd>((resolve) => {
      cancel = this.#clock.after(timeout, () => {
        resolve({ sign_in: entry.view })
      })
    })
    return Promise.race([entry.ended, late]).finally(cancel)
  }

  /** Throws `not_found`, or `invalid_request` when the URL is no answer to this sign-in (which goes on waiting). */
  async submit(id: string, url: string): Promise<SignIn> {
    const entry = this.#find(id)
    await entry.running.submit(url)
    return entry.view
  }

  async cancel(id: string): Promise<SignIn> {
    const entry = this.#find(id)
    entry.running.cancel()
    return (await entry.ended).sign_in
  }

  cancelAll(): void {
    for (const entry of this.#entries.values()) if (isRunning(entry.view)) entry.running.cancel()
  }

  /** The one of an account that goes. */
  cancelOf(accountId: string): void {
    for (const { view, running } of this.#entries.values())
      if (view.account_id === accountId && isRunning(view)) running.cancel()
  }

  list(): readonly SignIn[] {
    return [...this.#entries.values()].map((entry) => entry.view)
  }

  isSigningIn(accountId: string): boolean {
    return [...this.#entries.values()].some((entry) => entry.view.account_id === accountId && isRunning(entry.view))
  }

  #find(id: string): Entry {
    const entry = this.#entries.get(id)
    if (!entry) throw new BrokerError('not_found', 'That sign-in is no longer known; start a new one.')
    return entry
  }
}

const isRunning = (view: SignIn): boolean => view.state === 'waiting' || view.state === 'finishing'
