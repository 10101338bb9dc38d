/**
 * Programs of other people, run as a person runs them: by name, with `valetkey` and the helpers of its other names on the
 * PATH. The rule: they see an environment of their own and the broker of the test, and nothing of the machine's.
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cleanEnvironment, collect, type CommandResult, type RunningDaemon } from './daemon.ts'

const program = join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs')

export interface Tools {
  /** A folder of the person's own, their HOME. */
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** Runs a program to its end. */
  run(
    command: readonly string[],
    options?: { readonly input?: string; readonly env?: Record<string, string>; readonly cwd?: string },
  ): Promise<CommandResult>
}

/** Names the built program is started by here: scripts, because what a build makes is not executable before it is installed. */
const names = ['valetkey', 'git-credential-valetkey', 'docker-credential-valetkey']

/** A person's shell in `folder`, beside this broker. */
export function toolsBeside(daemon: RunningDaemon, folder: string): Tools {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  for (const name of names) {
    const [, tool] = /^(\w+)-credential/u.exec(name) ?? []
    const words = [process.execPath, program, ...(tool === undefined ? [] : ['credential', tool])]
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const clean = cleanEnvironment(daemon.paths.home)
  const env = {
    ...clean,
    HOME: folder,
    PATH: [bin, clean['PATH']].join(delimiter),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    NO_PROXY: '*',
  }
  return {
    folder,
    env,
    run: ([name = '', ...rest], { input = '', env: more, cwd = folder } = {}) => {
      const child = spawn(name, rest, { env: { ...env, ...more }, cwd })
      child.stdin.on('error', () => undefined)
      child.stdin.end(input)
      return collect(child)
    },
  }
}
