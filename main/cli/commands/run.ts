/**
 * `run`: a command with tokens in its environment. The rule: they are in the child's environment and nowhere else, not on
 * the disk, not in an argument, not in ours; the child ends as if nobody stood between it and the caller; and it is not
 * started at all unless everything it was promised is there.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import type { TokenAnswer } from '../../contract/client-api.ts'
import { BrokerError } from '../../contract/errors.ts'
import { callBroker } from '../broker-call.ts'
import { nameForLabel, parseWishes, requireNames } from '../child-environment.ts'
import { readEndpointFile } from '../endpoint-file.ts'
import { fail, neutralise, say, sayPlain } from '../output.ts'
import { askingAddress, type Environment, pathsOf } from '../place.ts'
import { formatTime } from '../table.ts'
import { requireClientToken } from '../token.ts'
import { askFor, type AskOptions } from './credential.ts'
import type { Session } from './session.ts'

export interface RunOptions extends AskOptions {
  readonly env?: readonly string[]
  readonly account?: readonly string[]
}

interface Given {
  readonly name: string
  readonly answer: TokenAnswer
}

/** Runs `command` to its end; gives its exit status, 128 and the signal's number where a signal ended it. */
export async function runCommand(
  session: Session,
  [program = '', ...rest]: readonly string[],
  options: RunOptions,
): Promise<number> {
  const wishes = parseWishes(options.env ?? [], options.account ?? [])
  if (options.as !== undefined) requireClientToken(session.env, options.as)
  const reason = `to run ${program.replaceAll(/\p{Cc}/gu, '?')}`.slice(0, 200)
  const given: Given[] = []
  // One after the other: a person who has to be asked is asked one thing at a time.
  for (const { name, account } of wishes) {
    const answer = await askFor(session, account, reason, options)
    given.push({ name: name ?? nameForLabel(answer.account.label), answer })
  }
  requireNames(given.map(({ name }) => name))
  // Without a token to fetch nothing has yet shown that there is a broker, and that it knows this client.
  if (given.length === 0) await callBroker(session.env, 'status', undefined)
  sayExpiry(session, given)
  return start(session, program, rest, {
    ...withoutClientToken(session.env, options.as),
    ...placeFor(session.env),
    ...Object.fromEntries(given.map(({ name, answer }) => [name, answer.access_token])),
  })
}

/**
 * The client token of a paired program goes on only where the person says that this command is that program; a session's
 * does, because its processes are what it is for.
 */
function withoutClientToken(env: NodeJS.ProcessEnv, as: string | undefined): NodeJS.ProcessEnv {
  const { VALETKEY_CLIENT_TOKEN: token, ...rest } = env
  const goesOn = as !== undefined || (env['VALETKEY_SESSION'] ?? '') !== ''
  return { ...rest, ...(goesOn && token !== undefined && { VALETKEY_CLIENT_TOKEN: token }) }
}

/** Where the child finds the broker that we have found. */
function placeFor(env: Environment): Record<string, string> {
  const address = askingAddress(env)
  if (address.kind === 'tcp') return { VALETKEY_URL: `http://${address.name}` }
  const { url } = (env['VALETKEY_SOCK'] ?? '') === '' ? (readEndpointFile(pathsOf(env)) ?? {}) : {}
  return { VALETKEY_SOCK: address.path, ...(url !== undefined && { VALETKEY_URL: url }) }
}

/** Said once, because nothing can change the environment of a program that runs. */
function sayExpiry(session: Session, given: readonly Given[]): void {
  if (given.length === 0) return
  if (session.json) {
    const environment = given.map(({ name, answer: { account, expires_at } }) => ({ name, account, expires_at }))
    sayPlain(JSON.stringify({ environment }))
    return
  }
  for (const { name, answer } of given) {
    const until = answer.expires_at === null ? 'has no known end' : `is good until ${formatTime(answer.expires_at)}`
    say(`${name}, the token of ${neutralise(answer.account.label)}, ${until} and is not renewed while the command runs`)
  }
}

const forwarded = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGINT', 'SIGQUIT'] as const
/** What a terminal sends to everybody in the foreground, so that the child has it already. */
const byTerminal: readonly string[] = ['SIGINT', 'SIGQUIT']

function start(session: Session, program: string, rest: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve) => {
    const onTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor))
    // Before the child is there: a signal that ended us now would leave it behind.
    const release = forwarded.map((signal) => {
      const forward = (): void => {
        if (!onTerminal || !byTerminal.includes(signal)) child.kill(signal)
      }
      process.on(signal, forward)
      return () => process.off(signal, forward)
    })
    const child = spawn(program, rest, { stdio: 'inherit', env })
    const end = (status: number): void => {
      for (const off of release) off()
      resolve(status)
    }
    child.once('error', (cause) => {
      const { code } = cause as NodeJS.ErrnoException
      const isMissing = code === 'ENOENT'
      const sentence = isMissing
        ? `There is no program ${JSON.stringify(program)}.`
        : `${JSON.stringify(program)} cannot be run (${code ?? 'unknown'}).`
      const help = { cause, resolve: { command: 'valetkey run --help' } }
      fail(new BrokerError(isMissing ? 'not_found' : 'invalid_request', sentence, help), session.json)
      // As a shell ends (POSIX, Shell Command Language, section 2.8.2).
      end(isMissing ? 127 : 126)
    })
    child.once('exit', (code, signal) => {
      end(code ?? 128 + numberOf(signal))
    })
  })
}

/** A signal's number; 0 for one that has no name here. */
function numberOf(signal: string | null): number {
  return Object.entries(constants.signals).find(([name]) => name === signal)?.[1] ?? 0
}
