/** What the tests of `valetkey mcp` share: a daemon with an account, and an API that repeats what it hears. */
import { startEchoApi, type EchoApi } from '../fakes/echo-api.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import type { Agent, Answered } from './agent.ts'
import { startDaemon, until, type RunningDaemon } from './daemon.ts'
import { approve, linkAccount } from './link.ts'

export interface AgentHouse {
  readonly daemon: RunningDaemon
  readonly provider: IdentityProvider
  readonly api: EchoApi
  /** What an agent's server is started with. */
  readonly env: Record<string, string>
  stop(): Promise<void>
}

/** A house whose account is `ada`. */
export async function startAgentHouse(): Promise<AgentHouse> {
  const [daemon, provider, api] = await Promise.all([startDaemon(), startIdentityProvider(), startEchoApi()])
  await linkAccount(daemon, provider, { login: 'ada', args: ['--param', `api_base=${api.url}/`] })
  return {
    ...{ daemon, provider, api, env: {} },
    stop: async () => {
      await Promise.all([daemon.stop(), provider.stop(), api.stop()])
    },
  }
}

interface Resolution {
  readonly request_id?: string
  readonly resolve?: { readonly command?: string; readonly code?: string }
}

/** What the person does on reading an answer: types the command it names and the code it shows. */
export async function follow(daemon: RunningDaemon, answer: Answered, args: readonly string[] = []): Promise<void> {
  const { request_id = '', resolve = {} } = answer.structured as Resolution
  if (resolve.command !== `valetkey approve ${request_id}` || resolve.code === undefined)
    throw new Error(`nothing to do: ${answer.text}`)
  await approve(daemon, request_id, resolve.code, args)
}

/** Pairs an agent and lets it use `ada`. */
export async function letIn({ daemon }: AgentHouse, agent: Pick<Agent, 'call'>): Promise<void> {
  await follow(daemon, await agent.call('list_accounts'))
  await until(async () => ((await agent.call('list_accounts')).isError ? undefined : true))
  await follow(daemon, await agent.call('request_access', { account: 'ada' }), ['--right', 'use', '--for', 'always'])
}
