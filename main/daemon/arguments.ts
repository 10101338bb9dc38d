/**
 * The daemon's own command line. The rule: an unknown or doubtful argument stops the start; nothing is guessed.
 */
import { BrokerError } from '../contract/errors.ts'

export interface DaemonArguments {
  /** The loopback port, 0 for any free one, `false` for no loopback HTTP. */
  readonly http: number | false
  readonly console: boolean
  /** Take the browser's answers through our URL scheme as well (Linux). */
  readonly scheme: boolean
  /** How a new vault keeps its data key; an existing one keeps what it has. */
  readonly protection: 'os-keyring' | 'passphrase' | 'key-file'
}

export const daemonUsage =
  'valetkey daemon [--http [PORT]] [--console] [--scheme] [--passphrase | --insecure-key-file] [--json]'

/** Throws `invalid_request` naming the argument that is wrong. */
export function parseDaemonArguments(argv: readonly string[]): DaemonArguments {
  let http: number | false = false
  let console = false
  let scheme = false
  const protections: DaemonArguments['protection'][] = []
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? ''
    if (argument === '--http') {
      const next = argv[i + 1]
      if (next === undefined || next.startsWith('--')) http = 0
      else {
        http = port(next)
        i++
      }
    } else if (argument === '--console') console = true
    else if (argument === '--scheme') scheme = true
    else if (argument === '--passphrase') protections.push('passphrase')
    else if (argument === '--insecure-key-file') protections.push('key-file')
    // How an error is said; read where it is said.
    else if (argument !== '--json')
      throw usage(`Unknown argument ${JSON.stringify(argument.slice(0, 64))}. Usage: ${daemonUsage}`)
  }
  if (protections.length > 1) throw usage('Choose one of --passphrase and --insecure-key-file.')
  return { http, console, scheme, protection: protections[0] ?? 'os-keyring' }
}

function port(text: string): number {
  const number = Number(text)
  if (/^\d{1,5}$/u.test(text) && number >= 1024 && number <= 65_535) return number
  throw usage(`--http takes a port from 1024 to 65535, not ${JSON.stringify(text.slice(0, 32))}.`)
}

function usage(sentence: string): BrokerError {
  return new BrokerError('invalid_request', sentence, { resolve: { command: 'valetkey daemon --help' } })
}
