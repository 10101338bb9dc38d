/**
 * Where the broker is and what we show it, from the environment. The rule: `VALETKEY_SOCK`, `VALETKEY_URL` and
 * `VALETKEY_CLIENT_TOKEN` (what `valetkey run` gives its children) win over the home folder, in this order; a URL is
 * loopback or it is refused, because a client token travels over it in the clear.
 */
import { BrokerError } from '../contract/errors.ts'
import { homePaths, type HomePaths } from '../contract/home.ts'
import { readPrivateFile } from './trust.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export type Address =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly name: string }

/** The home folder's paths; see `homePaths`. */
export function pathsOf(env: Environment): HomePaths {
  return homePaths(env, process.platform)
}

/** Where client-api is spoken. Throws `invalid_request` for a variable that cannot be meant. */
export function askingAddress(env: Environment): Address {
  const socket = env['VALETKEY_SOCK']
  if (socket !== undefined && socket !== '') {
    if (!/^(?:\/|\\\\[.?]\\pipe\\)/u.test(socket))
      throw new BrokerError('invalid_request', 'VALETKEY_SOCK must be an absolute path.')
    return { kind: 'socket', path: socket }
  }
  const url = env['VALETKEY_URL']
  if (url !== undefined && url !== '') return parseLoopbackUrl(url)
  return { kind: 'socket', path: pathsOf(env).socket }
}

/** `http://127.0.0.1:PORT`, nothing else. Throws `invalid_request`. */
function parseLoopbackUrl(url: string): Address {
  const port = Number(/^http:\/\/127\.0\.0\.1:(\d{1,5})\/?$/u.exec(url)?.[1])
  if (!(port >= 1 && port <= 65_535))
    throw new BrokerError(
      'invalid_request',
      'VALETKEY_URL must be http://127.0.0.1:PORT; a token is not sent anywhere else.',
    )
  return { kind: 'tcp', host: '127.0.0.1', port, name: `127.0.0.1:${String(port)}` }
}

/** The client token we ask with. Throws `invalid_client` when there is none, with what to do. */
export function clientToken(env: Environment): string {
  const given = env['VALETKEY_CLIENT_TOKEN']
  if (given !== undefined && given !== '') return checkToken(given.trim(), 'VALETKEY_CLIENT_TOKEN')
  const { cliToken } = pathsOf(env)
  const own = readPrivateFile(cliToken)
  if (own === null)
    throw new BrokerError('invalid_client', `${cliToken} is missing; the broker writes it when it starts.`, {
      resolve: { command: 'valetkey doctor' },
    })
  return checkToken(own.trim(), cliToken)
}

/** RFC 6750 section 2.1; anything else could not be sent and must not reach a header. */
function checkToken(token: string, source: string): string {
  if (/^[\w.~+/=-]{1,512}$/u.test(token)) return token
  throw new BrokerError('invalid_client', `${source} does not hold a client token.`, {
    resolve: { command: 'valetkey pair NAME' },
  })
}
