/**
 * Sign-ins without a redirect: by the client alone (RFC 6749 section 4.4), by a provider's own exchange of email and
 * password, and on another device (RFC 8628). The rule: as with a browser, whatever happens `done` resolves; a password is
 * sent once and kept nowhere; and the provider says how often it may be asked.
 */
import type { Configuration } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import type { Flow } from '../contract/model.ts'
import type { Clock, Connection, RunningSignIn, SignInOutcome } from '../broker/ports.ts'
import { Secret } from '../broker/secret.ts'
import type { Failure } from './classify.ts'
import { plainText } from './plain-text.ts'
import type { OpenidClient } from './configuration.ts'
import { tokenFault } from './refresh.ts'
import { rulesOf, secretsOf } from './rules.ts'
import { exchangeError, resourceOf, signedIn, type SignInStart } from './sign-in.ts'

export interface UnattendedStart extends Pick<
  SignInStart,
  'identify' | 'scope' | 'proving' | 'provider_name' | 'discard'
> {
  readonly oc: OpenidClient
  readonly clock: Clock
  readonly config: Configuration
  readonly connection: Connection
  /** Milliseconds. */
  readonly timeout: number
}

type Tokens = Awaited<ReturnType<OpenidClient['clientCredentialsGrant']>>

/** The client for itself. */
export function startClientCredentials(start: UnattendedStart): RunningSignIn {
  const { oc, config, scope, connection, proving } = start
  return direct(start, 'client-credentials', [], () =>
    oc.clientCredentialsGrant(config, { ...(scope !== '' && { scope }), ...resourceOf(connection) }, proving),
  )
}

/** RFC 6749 section 4.3, which RFC 9700 section 2.4 forbids to everybody who has a choice; these providers leave none. */
export function startPassword(
  start: UnattendedStart,
  { username, password }: { readonly username: string; readonly password: Secret },
): RunningSignIn {
  const { oc, config, scope, connection, proving } = start
  const wish = { ...(scope !== '' && { scope }), ...resourceOf(connection) }
  return direct(start, 'password', [password], () =>
    oc.genericGrantRequest(config, 'password', { username, password: password.reveal(), ...wish }, proving),
  )
}

function direct(
  start: UnattendedStart,
  flow: Flow,
  secrets: readonly Secret[],
  ask: () => Promise<Tokens>,
): RunningSignIn {
  const run = async (): Promise<SignInOutcome> => {
    const obtained = start.clock.now()
    try {
      return await signedIn(start, await ask(), obtained)
    } catch (thrown) {
      return refused(start, thrown, secrets)
    }
  }
  return running(start, flow, { authorization_url: '' }, run)
}

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
/** Seconds: RFC 8628 section 3.5. */
const INTERVAL = 5
const SLOWER = 5
const SLOWEST = 300
/** No provider's word makes us ask more often. */
const QUICKEST = 1

/** On another device. Throws `provider_error` or `temporarily_unavailable` when the provider gives no code to enter. */
export async function startDevice(start: UnattendedStart): Promise<RunningSignIn> {
  const { oc, clock, config, scope, provider_name } = start
  let device: Awaited<ReturnType<OpenidClient['initiateDeviceAuthorization']>>
  try {
    const { delimiter = ' ', param = 'scope' } = rulesOf(start.connection).scope ?? {}
    device = await oc.initiateDeviceAuthorization(config, {
      ...(scope !== '' && { [param]: scope.split(' ').join(delimiter) }),
      ...resourceOf(start.connection),
    })
  } catch (thrown) {
    const struck = secretsOf(start.connection)
    const said = thrown instanceof oc.ResponseBodyError ? ` (${plainText(thrown.error, 64, struck)})` : ''
    throw new BrokerError('provider_error', `${provider_name} gave no code to enter on another device${said}.`)
  }
  const code = new Secret(device.device_code)
  const ends = clock.now() + Math.min(device.expires_in * 1000, start.timeout)
  const poll = async (isOver: () => boolean): Promise<SignInOutcome> => {
    let interval = Math.min(Math.max(device.interval ?? INTERVAL, QUICKEST), SLOWEST)
    for (;;) {
      const pause = Math.max(0, Math.min(interval * 1000, ends - clock.now()))
      await new Promise<void>((resolve) => clock.after(pause, resolve))
      if (isOver()) return { kind: 'cancelled' }
      if (clock.now() >= ends) return { kind: 'expired' }
      const obtained = clock.now()
      try {
        const asked = { device_code: code.reveal(), ...resourceOf(start.connection) }
        const tokens = await oc.genericGrantRequest(config, DEVICE_CODE, asked, start.proving)
        return await signedIn(start, tokens, obtained)
      } catch (thrown) {
        const failure = tokenFault(thrown)?.failure
        if (!failure) return refused(start, thrown, [code])
        if (failure.kind !== 'answer' || failure.status >= 500 || failure.status === 429 || isNoAnswer(failure)) {
          // RFC 8628 section 3.5: after a timeout of the connection, ask less often; a portal's page is no better.
          interval = Math.min(interval * 2, SLOWEST)
          continue
        }
        const error = failure.answer.kind === 'error' ? failure.answer.error : ''
        if (error === 'authorization_pending') continue
        if (error === 'slow_down') interval = Math.min(interval + SLOWER, SLOWEST)
        else if (error === 'expired_token') return { kind: 'expired' }
        else if (error === 'access_denied')
          return { kind: 'refused', error: new BrokerError('access_denied', 'The sign-in was declined.') }
        else return refused(start, thrown, [code])
      }
    }
  }
  const where = {
    authorization_url: device.verification_uri_complete ?? device.verification_uri,
    user_code: plainText(device.user_code, 64),
  }
  return running(start, 'device', where, poll)
}

/** What came is not a token endpoint's word. */
const isNoAnswer = ({ answer }: Extract<Failure, { kind: 'answer' }>): boolean =>
  answer.kind === 'foreign' || answer.kind === 'cut' || answer.kind === 'empty' || answer.kind === 'oversized'

function refused(
  { provider_name, clock, connection }: UnattendedStart,
  thrown: unknown,
  secrets: readonly Secret[],
): SignInOutcome {
  const all = [...secrets, ...secretsOf(connection)]
  return { kind: 'refused', error: exchangeError(provider_name, thrown, clock.now(), all) }
}

/** What `run` comes to, unless the person gives up first; what comes after that is taken back. */
function running(
  start: UnattendedStart,
  flow: Flow,
  where: Pick<RunningSignIn, 'authorization_url' | 'user_code'>,
  run: (isOver: () => boolean) => Promise<SignInOutcome>,
): RunningSignIn {
  const { promise: done, resolve } = Promise.withResolvers<SignInOutcome>()
  let over = false
  const end = (outcome: SignInOutcome): void => {
    if (over) {
      start.discard(outcome)
      return
    }
    over = true
    resolve(outcome)
  }
  void run(() => over).then(end)
  return {
    provider_name: start.provider_name,
    flow,
    ...where,
    redirect: 'loopback',
    rungs: [],
    done,
    submit: () =>
      Promise.reject(new BrokerError('invalid_request', 'This sign-in needs no address; it goes on by itself.')),
    cancel: () => {
      end({ kind: 'cancelled' })
    },
  }
}
