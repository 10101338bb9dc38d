/**
 * `status`: what runs and where it lives. The rule: it succeeds only when a broker that is ours has answered just now; a
 * file that says so is not enough.
 */
import { BrokerError } from '../../contract/errors.ts'
import type { Snapshot } from '../../contract/window-api.ts'
import { callBroker } from '../broker-call.ts'
import { readEndpointFile } from '../endpoint-file.ts'
import { neutralise, print, printJson } from '../output.ts'
import { pathsOf } from '../place.ts'
import { formatTime } from '../table.ts'
import { type Session, show } from './session.ts'

interface Status {
  readonly running: true
  readonly version: string
  readonly host?: string
  readonly pid?: number
  readonly started_at?: number
  readonly home: string
  readonly socket: string
  readonly control: string
  readonly url?: string
  /** By which who comes over HTTP knows the broker: Ed25519, raw, base64url. */
  readonly public_key?: string
  readonly vault: { readonly state: string; readonly protection?: string | null; readonly notice?: string }
  readonly counts: {
    readonly accounts: number
    readonly clients?: number
    readonly consents?: number
    readonly requests: number
  }
}

export async function showStatus(session: Session): Promise<void> {
  const { home, socket, control } = pathsOf(session.env)
  const answered = await ask(session)
  const endpoint = readEndpointFile(pathsOf(session.env))
  const status: Status = {
    running: true,
    ...answered,
    ...(endpoint && { host: endpoint.host, pid: endpoint.pid, started_at: endpoint.started_at }),
    home,
    socket,
    control,
    ...(endpoint?.url !== undefined && { url: endpoint.url, public_key: endpoint.public_key }),
  }
  show(session, status, () => describeStatus(status))
}

/** A link that opens the console in one browser, once, within five minutes. */
export async function showConsoleLink(session: Session): Promise<void> {
  const answer = await session.decide('consoleLink')
  if (session.json) printJson(answer)
  else print(neutralise(answer.url))
}

type Answered = Pick<Status, 'version' | 'vault' | 'counts'>

/** Everything from the door that decides; where only a window may look, what the command line's own client may know. */
async function ask(session: Session): Promise<Answered> {
  try {
    return summarise(await session.decide('snapshot'))
  } catch (thrown) {
    if (!(thrown instanceof BrokerError) || thrown.code !== 'access_denied') throw thrown
    const { version, locked, counts } = await callBroker(session.env, 'status', undefined)
    return { version, vault: { state: locked ? 'locked' : 'unlocked' }, counts }
  }
}

function summarise({ version, vault, accounts, clients, grants, requests }: Snapshot): Answered {
  const counts = {
    accounts: accounts.length,
    clients: clients.length,
    consents: grants.length,
    requests: requests.length,
  }
  return { version, vault, counts }
}

function describeStatus({
  version,
  host,
  pid,
  started_at,
  home,
  socket,
  url,
  public_key,
  vault,
  counts,
}: Status): readonly string[] {
  const kept =
    vault.protection === 'key-file' ? 'a file beside it, readable by whoever can read your files' : vault.protection
  const rows: readonly (readonly [string, string])[] = [
    [
      'running',
      `${version}${host === undefined ? '' : ` (${host}, pid ${String(pid)}, since ${formatTime(started_at)})`}`,
    ],
    ['home', home],
    ['socket', socket],
    ['http', url ?? 'off'],
    ...(public_key === undefined ? [] : [['key', public_key] as const]),
    ['vault', kept === undefined || kept === null ? vault.state : `${vault.state}, its key kept by ${kept}`],
    ...(vault.notice === undefined ? [] : [['notice', vault.notice] as const]),
    ...Object.entries(counts).map(([name, count]) => [name, String(count)] as const),
  ]
  return rows.map(([name, value]) => `${name.padEnd(9)} ${neutralise(value)}`)
}
