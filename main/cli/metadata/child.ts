/**
 * The program a metadata server is started for. The rule: it is given the variables and nothing of ours that is secret
 * beside them; it gets our terminal and our signals, and its end is ours.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { BrokerError } from '../../contract/errors.ts'
import type { Environment } from '../place.ts'
import type { Variables } from './metadata.ts'

/** Runs `command` to its end; gives its exit status, 128 and the signal's number where a signal ended it. */
export async function runChild(command: readonly string[], env: Environment, variables: Variables): Promise<number> {
  const [program = '', ...words] = command
  const child = spawn(program, words, { stdio: 'inherit', env: childEnvironment(env, variables) })
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
  for (const signal of signals) process.on(signal, forward)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) => {
        reject(new BrokerError('not_found', `Cannot run ${JSON.stringify(program)}.`, { cause }))
      })
      child.once('close', (code, signal) => {
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
      })
    })
  } finally {
    for (const signal of signals) process.off(signal, forward)
  }
}

/** Ours with the variables; where a proxy is set, our own address is excepted, or tokens would pass through it. */
export function childEnvironment(env: Environment, variables: Variables): Record<string, string | undefined> {
  const { VALETKEY_CLIENT_TOKEN: _, ...rest } = env
  const proxied = ['http_proxy', 'https_proxy', 'all_proxy'].some((name) => env[name] ?? env[name.toUpperCase()])
  const excepted = (name: string): string => [env[name], '127.0.0.1'].filter((part) => part).join(',')
  return { ...rest, ...variables, ...(proxied && { no_proxy: excepted('no_proxy'), NO_PROXY: excepted('NO_PROXY') }) }
}
