/**
 * `AuthorizationServers` as the hosts make them, on real sockets and the real clock, with everything it logs and everything
 * secret it was trusted with at hand. The rule: the network is never faked here, only the server at its other end.
 */
import { inspect } from 'node:util'
import { createAuthorizationServers, type AuthorizationServersOptions } from '../../main/oauth/authorization-servers.ts'
import type { AuthorizationServers, Clock, RunningSignIn, SignInOutcome, SignInPlan } from '../../main/broker/ports.ts'
import { builtInProviders } from '../../main/providers/loader.ts'

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delay, task) => {
    const timer = setTimeout(task, Math.min(delay, 2 ** 31 - 1))
    return () => {
      clearTimeout(timer)
    }
  },
}

export interface RealServers extends AuthorizationServers {
  /** Every log line, as text. */
  readonly logged: readonly string[]
  /** A sign-in at `issuer` with the defaults of a test. */
  begin(issuer: string, plan?: Partial<SignInPlan>): Promise<RunningSignIn>
}

export function realServers(options: Partial<AuthorizationServersOptions> = {}): RealServers {
  const logged: string[] = []
  const servers = createAuthorizationServers({
    providers: builtInProviders(),
    log: (level, event, fields) => void logged.push(inspect([level, event, fields], { depth: 9 })),
    clock: realClock,
    version: '0.0.0',
    ...options,
  })
  return {
    ...servers,
    logged,
    begin: (issuer, plan = {}) =>
      servers.startSignIn({
        provider: 'generic-oidc',
        client_id: 'valetkey',
        params: { issuer },
        timeout: 20_000,
        ...plan,
      }),
  }
}

export type SignedIn = Extract<SignInOutcome, { kind: 'signed-in' }>

/** The outcome as a success. Throws with what it was instead. */
export function signedIn(outcome: SignInOutcome): SignedIn {
  if (outcome.kind !== 'signed-in') throw new Error(`not signed in: ${inspect(outcome)}`)
  return outcome
}

/** Everything a person or a log could ever see of `value`: nested, errors with their causes and stacks, and as JSON. */
export function everythingVisible(value: unknown): string {
  return `${inspect(value, { depth: 12, showHidden: true })}\n${JSON.stringify(value) ?? ''}`
}
