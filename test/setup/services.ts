/**
 * The five documented services, linked and called as the broker does it. The rule: the definitions are those that come with
 * Valetkey, the exchanges are real ones with the emulated service, and only the browser is played, by the emulator's own
 * `approve` and `deny`.
 */
import { expect } from 'vitest'
import type { TokenVerdict } from '../../main/broker/api-call.ts'
import type { GrantMaterial, RefreshOutcome, SignInOutcome, SignInPlan } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import { judgeApiAnswer } from '../../main/oauth/api-answer.ts'
import { everythingVisible, realServers, signedIn, type SignedIn } from '../fakes/real-servers.ts'
import type { Client, Service } from '../fakes/services/common.ts'

export interface Rig {
  begin(plan?: Partial<SignInPlan>): ReturnType<ReturnType<typeof realServers>['startSignIn']>
  /** Signs in through the browser, by pasting what it ends on. */
  link(plan?: Partial<SignInPlan>): Promise<SignedIn>
  outcome(plan?: Partial<SignInPlan>, choice?: 'approve' | 'deny'): Promise<SignInOutcome>
  /** As the refresher asks: with the refresh token, or without one by the same grant. */
  renew(material: GrantMaterial): Promise<RefreshOutcome>
  /** Calls the API with the header the definition says, and what the definition makes of the answer. */
  call(
    material: GrantMaterial,
    path: string,
    init?: RequestInit,
  ): Promise<{ readonly verdict: TokenVerdict; readonly body: string }>
}

interface Browsed extends Service {
  readonly client?: Client
  approve?(url: string): Promise<string>
  deny?(url: string): Promise<unknown>
}

export function rigFor(provider: string, service: Browsed, params: Readonly<Record<string, string>>): Rig {
  const servers = realServers()
  const begin: Rig['begin'] = (plan = {}) =>
    servers.startSignIn({
      ...{ provider, params, timeout: 20_000 },
      ...(service.client && {
        client_id: service.client.client_id,
        client_secret: new Secret(service.client.client_secret),
      }),
      ...plan,
    })
  const outcome: Rig['outcome'] = async (plan = {}, choice = 'approve') => {
    const running = await begin({ redirect: 'paste', ...plan })
    const location = await service[choice]?.(running.authorization_url)
    await running.submit(String(location))
    return running.done
  }
  return {
    begin,
    outcome,
    link: async (plan) => signedIn(await outcome(plan)),
    renew: async ({ connection, refresh_token }) => {
      const renewed = await servers.refresh(connection, refresh_token, {})
      const shown = everythingVisible([renewed, servers.logged])
      for (const secret of [refresh_token, connection.client_secret])
        if (secret) expect(shown).not.toContain(secret.reveal())
      return renewed
    },
    call: async ({ connection, access }, path, init = {}) => {
      const authorization = connection.authorization_template.replace(
        '${access_token}',
        () => access?.value.reveal() ?? '',
      )
      const base = connection.api_base_urls[0] ?? ''
      const headers = new Headers(init.headers)
      headers.set('authorization', authorization)
      const answer = await fetch(new URL(path, base), { ...init, headers })
      const body = await answer.text()
      return { verdict: judgeApiAnswer(connection, { status: answer.status, body }), body }
    },
  }
}

/** The material a renewal leaves behind. */
export function after(material: GrantMaterial, outcome: RefreshOutcome): GrantMaterial {
  if (outcome.kind !== 'refreshed') throw new Error(`not refreshed: ${JSON.stringify(outcome)}`)
  return { ...material, access: outcome.access, refresh_token: outcome.refresh_token ?? material.refresh_token }
}

/** Seconds the token lives, as it is held. */
export const lifetime = ({ access }: GrantMaterial): number | null =>
  access && access.expires_at !== null ? access.expires_at - access.obtained_at : null
