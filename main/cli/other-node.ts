/**
 * What happens on a Node that is too old. The rule: this command runs again on the Node installed beside us, to the same
 * end, or it says what to do; it never goes on and fails later. Everything up to here has to parse on an old Node, which
 * the build's target keeps true.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from '../contract/errors.ts'
import { oldestNode } from './node-version.ts'
import { fail } from './output.ts'

/** Runs this command on the Node installed with the package; without one ends the process with what to do. */
export async function runOnOtherNode(): Promise<void> {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const beside = join(import.meta.dirname, '..', 'node_modules', 'node', 'bin', name)
  if (existsSync(beside) && process.execPath !== beside) {
    await replay(beside)
    return
  }
  const sentence = `This needs Node ${String(oldestNode)} or newer and runs on ${process.versions.node}.`
  const resolve = { url: 'https://nodejs.org/', command: `npm install --global node@${String(oldestNode)}` }
  process.exit(fail(new BrokerError('server_error', sentence, { resolve }), false))
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
