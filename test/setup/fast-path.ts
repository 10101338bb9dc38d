/**
 * The fast path as a process: the program `npm run build` has made of clients/native. The rule: a lone copy, with no command
 * line beside it, shows what it does by itself, because whatever it hands over ends there.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { cleanEnvironment, collect, runCli, type CommandResult } from './daemon.ts'

export const fastPath = join(import.meta.dirname, '../../dist/valetkey-token')

/** What a lone one says when it should become the command line. */
export const handedOver: CommandResult = {
  code: 1,
  stdout: '',
  stderr: 'valetkey: The full command line is not beside this program: install Valetkey again.\n',
}

export function startFast(
  home: string,
  args: readonly string[],
  env: Record<string, string> = {},
  program = fastPath,
): ChildProcess {
  return spawn(program, args, { env: cleanEnvironment(home, env), stdio: ['ignore', 'pipe', 'pipe'] })
}

/** One command to its end. */
export function runFast(
  home: string,
  args: readonly string[],
  env?: Record<string, string>,
  program?: string,
): Promise<CommandResult> {
  return collect(startFast(home, args, env, program))
}

/** A copy in a folder of its own. */
export function makeLone(): { readonly program: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'vk-lone-'))
  const program = join(folder, 'valetkey-token')
  copyFileSync(fastPath, program)
  return {
    program,
    remove: () => {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Seconds go by between two calls. */
const timeless = ({ code, stdout, stderr }: CommandResult): CommandResult => ({
  code,
  stdout: stdout.replace(/"expires_in":\d+/u, '"expires_in":0'),
  stderr,
})

/** Runs the full command line and the fast path (of a build, or `program`); expects the same of both; gives it. */
export async function both(
  home: string,
  args: readonly string[],
  env: Record<string, string> = {},
  program?: string,
): Promise<CommandResult> {
  const full = timeless(await runCli(home, args, { env }))
  const fast = timeless(await runFast(home, args, env, program))
  expect(fast, JSON.stringify(args)).toEqual(full)
  return fast
}
