/**
 * One home, one owner (R2). The rule: the operating system's lock decides and nothing else; a daemon that has it is asked
 * to hand over, because only we have a window for the person to decide in; anybody else who has it keeps it.
 */
import { request } from 'node:http'
import type { Log } from '../broker/ports.ts'
import { BrokerError } from '../contract/errors.ts'
import { type EndpointFile, type HomePaths, parseEndpointFile } from '../contract/home.ts'
import { windowPath } from '../contract/window-api.ts'
import { readPrivateFile } from '../endpoint/private-file.ts'
import { type Ownership, takeOwnership } from '../vault/owner-lock.ts'

/** Milliseconds a daemon may take to finish what it is doing; it ends itself by force after ten seconds. */
const PATIENCE = 15_000
const LOOK_EVERY = 50
const ASK_EVERY = 3000
const ANSWER_WITHIN = 5000

/** The lock on the home. Throws `temporarily_unavailable` when another owner keeps it. */
export async function ownHome(paths: HomePaths, log: Log, patience: number = PATIENCE): Promise<Ownership> {
  const until = performance.now() + patience
  let askAgain = 0
  for (;;) {
    const ownership = takeOwnership(paths.ownerLock)
    if (ownership) return ownership
    const now = performance.now()
    if (now > until)
      throw new BrokerError(
        'temporarily_unavailable',
        `Another Valetkey runs in ${paths.home} and does not hand over.`,
        {
          resolve: { command: 'valetkey status' },
        },
      )
    const other = readEndpointFile(paths)
    if (other?.host === 'daemon' && now >= askAgain) {
      askAgain = now + ASK_EVERY
      log('info', 'owner.ask', {
        pid: other.pid,
        outcome: (await askToHandOver(paths.control)) ? 'accepted' : 'refused',
      })
    }
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_EVERY)
    })
  }
}

function readEndpointFile(paths: HomePaths): EndpointFile | null {
  try {
    return parseEndpointFile(JSON.parse(readPrivateFile(paths.endpointFile) ?? ''), 'endpoint.json')
  } catch {
    return null
  }
}

/** Asks over the control socket. Nothing secret is sent, and the answer alone gives us nothing: the lock does. */
function askToHandOver(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request(
      {
        socketPath,
        method: 'POST',
        path: `${windowPath}/handOver`,
        headers: { 'Content-Type': 'application/json', 'Content-Length': 2 },
        timeout: ANSWER_WITHIN,
      },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode === 200)
      },
    )
    call.on('timeout', () => call.destroy())
    call.on('error', () => {
      resolve(false)
    })
    call.end('{}')
  })
}
