/**
 * Which Node runs us. The rule: this is decided before anything else happens, and a Node that is too old is replaced by
 * the one installed beside us or refused with what to do. The whole program has to parse on an old Node for that, which
 * the build's target keeps true.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from '../contract/errors.ts'
import { fail } from './output.ts'

/** `node:sqlite` as the vault uses it is in 24. */
const oldest = 24

/** Runs `task` on this Node if it is new enough, else runs this same command on the Node installed with the package. */
export function runOnSupportedNode(task: () => void): void {
  if (isSupported(process.versions.node)) {
    task()
    return
  }
  const bundled = join(
    import.meta.dirname,
    '..',
    'node_modules',
    'node',
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  )
  if (existsSync(bundled) && process.execPath !== bundled) {
    void replay(bundled)
    return
  }
  const sentence = `This needs Node ${String(oldest)} or newer and runs on ${process.versions.node}.`
  process.exit(
    fail(
      new BrokerError('server_error', sentence, {
        resolve: { url: 'https://nodejs.org/', command: `npm install --global node@${String(oldest)}` },
      }),
      false,
    ),
  )
}

/** Whether `version` (as in `process.versions.node`) is new enough. */
export function isSupported(version: string): boolean {
  return Number.parseInt(version, 10) >= oldest
}

/** This command again on another Node: same terminal, same signals, same end. */
async function replay(node: string): Promise<void> {
  // Loading it here and not above keeps it out of the way of every token.
  const { spawn } = await import('node:child_process')
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
  for (const signal of signals) process.on(signal, forward)
  child.once('error', (cause) => {
    process.exit(fail(new BrokerError('server_error', `Cannot run ${node}.`, { cause }), false))
  })
  child.once('exit', (code, signal) => {
    for (const handled of signals) process.off(handled, forward)
    if (signal === null) process.exit(code ?? 1)
    process.kill(process.pid, signal)
  })
}
