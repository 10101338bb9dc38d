/**
 * The program a metadata server is started for. The rule: it is given the variables and nothing of ours that is secret
 * beside them; it gets our terminal and our signals, and its end is ours.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { BrokerError } from '../../contract/errors.ts'
import type { Session } from '../commands/session.ts'
import { fail } from '../output.ts'
import type { Environment } from '../place.ts'
import type { Variables } from './metadata.ts'

const forwarded = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const
/** What a terminal sends to everybody in the foreground, so that the child has it already. */
const byTerminal: readonly string[] = ['SIGINT', 'SIGQUIT']

/**
 * Runs `command` to its end; gives its exit status, or what a shell gives (POSIX, Shell Command Language, section 2.8.2):
 * 128 and the signal's number where a signal ended it, 127 and 126 where it is not there or cannot be run.
 */
export async function runChild(
  { env, json }: Pick<Session, 'env' | 'json'>,
  command: readonly string[],
  variables: Variables,
): Promise<number> {
  const [program = '', ...words] = command
  const child = spawn(program, words, { stdio: 'inherit', env: childEnvironment(env, variables) })
  const onTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor))
  const forward = (signal: NodeJS.Signals): void => {
    if (!onTerminal || !byTerminal.includes(signal)) child.kill(signal)
  }
  for (const signal of forwarded) process.on(signal, forward)
  try {
    return await new Promise<number>((resolve) => {
      child.once('error', (cause) => {
        const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
        const sentence = `${JSON.stringify(program)} ${isMissing ? 'is not there' : 'cannot be run'}.`
        fail(new BrokerError(isMissing ? 'not_found' : 'invalid_request', sentence, { cause }), json)
        resolve(isMissing ? 127 : 126)
      })
      child.once('close', (code, signal) => {
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
      })
    })
  } finally {
    for (const signal of forwarded) process.off(signal, forward)
  }
}

/** Ours with the variables, and the client token only where it is a session's; where a proxy is set, our own address is excepted, or tokens would pass through it. */
export function childEnvironment(env: Environment, variables: Variables): Record<string, string | undefined> {
  const { VALETKEY_CLIENT_TOKEN: token, ...others } = env
  const inSession = (env['VALETKEY_SESSION'] ?? '') !== '' && token !== undefined
  const rest = { ...others, ...(inSession && { VALETKEY_CLIENT_TOKEN: token }) }
  const proxied = ['http_proxy', 'https_proxy', 'all_proxy'].some((name) => env[name] ?? env[name.toUpperCase()])
  const excepted = (name: string): string => [env[name], '127.0.0.1'].filter((part) => part).join(',')
  return { ...rest, ...variables, ...(proxied && { no_proxy: excepted('no_proxy'), NO_PROXY: excepted('NO_PROXY') }) }
}
