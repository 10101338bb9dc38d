/**
 * How long after its start the daemon answers. The rule: from the first instruction of a new process to the answer of
 * `hello` on its socket, in a home with very many accounts; the baseline is an empty program on the same Node, and what it
 * takes to unwrap the vault's key is added to the promise, because it is the price of the key slot and not of the daemon.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { keyFileSlot } from '../main/vault/slots/key-file.ts'
import { cleanEnvironment } from '../test/setup/daemon.ts'
import { atMost, compare, interleave, median, type Row } from './harness.ts'
import { pathsOf } from './home.ts'
import { timeEmptyNode } from './process.ts'
import type { Stage } from './stage.ts'

const bundle = join(import.meta.dirname, '..', 'dist', 'cli.cjs')
/** Milliseconds after which a daemon that does not answer is given up. */
const patience = 30_000

export async function measureStart(stage: Stage): Promise<readonly Row[]> {
  const home = await stage.crowdedHome()
  const env = cleanEnvironment(home)
  const { ours, empty, unwrap } = await interleave(stage.rounds(15), 1, {
    ours: () => timeStart(home, env),
    empty: () => timeEmptyNode(env),
    unwrap: () => timeUnwrap(join(stage.folder, 'unwrap.key')),
  })
  return [
    compare({
      group: 'start',
      name: `daemon, ${stage.many.toLocaleString('en')} accounts: start until hello is answered`,
      unit: 'ms',
      ours,
      baseline: { name: 'node -e 0', samples: empty },
      target: atMost(4 + median(unwrap) / median(empty)),
      note: `the target is 4 x and the unwrapping of the key, ${(median(unwrap) * 1000).toFixed(0)} us here (key-file slot)`,
    }),
  ]
}

/** Milliseconds from the first instruction of a new daemon to its first answer. */
export async function timeStart(home: string, env: NodeJS.ProcessEnv): Promise<number> {
  const { socket } = pathsOf(home)
  const started = performance.now()
  const child = spawn(process.execPath, [bundle, 'daemon', '--insecure-key-file'], { env, stdio: 'ignore' })
  const exited = once(child, 'exit')
  try {
    while (!(await answersHello(socket))) {
      if (child.exitCode !== null) throw new Error('the daemon ended before it was ready')
      if (performance.now() - started > patience) throw new Error('the daemon does not answer')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return performance.now() - started
  } finally {
    child.kill('SIGTERM')
    await exited
  }
}

function answersHello(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.write('GET /v1/hello?nonce=AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nhost: localhost\r\n\r\n')
    })
    const end = (answered: boolean): void => {
      socket.destroy()
      resolve(answered)
    }
    socket.once('data', (chunk: Buffer) => {
      end(chunk.toString('latin1', 9, 12) === '200')
    })
    socket.once('error', () => {
      end(false)
    })
    socket.once('close', () => {
      resolve(false)
    })
  })
}

async function timeUnwrap(keyFile: string): Promise<number> {
  const slot = keyFileSlot(keyFile)
  const context = { vault_id: 'bench', passphrase: undefined, patience: 1_000 }
  const wrapped = await slot.wrap(randomBytes(32), context)
  const started = performance.now()
  await slot.unwrap(wrapped, context)
  return performance.now() - started
}
