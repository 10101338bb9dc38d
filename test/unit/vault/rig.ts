/**
 * What the vault's tests share: a private home that is removed again, vaults in it under real files and the real clock,
 * material that can be told apart, and children that do what a process of ours does until it is ended. The rule: nothing
 * here pretends; files are files, and a child that is killed is killed.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../../main/broker/ports.ts'
import { homePaths, type HomePaths } from '../../../main/contract/home.ts'
import { systemClock, systemRandomness } from '../../../main/daemon/clock.ts'
import { bootName } from '../../../main/vault/boot.ts'
import { keyFileSlot } from '../../../main/vault/slots/key-file.ts'
import type { KeySlot } from '../../../main/vault/slots/slot.ts'
import { openVault, type SqliteVault } from '../../../main/vault/vault.ts'

/** Few rounds: these tests are not about how slow scrypt is. */
export const QUICK_SCRYPT = { N: 1024, r: 8, p: 1 } as const

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'valetkey-vault-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

export interface Home {
  readonly paths: HomePaths
  readonly keyFile: string
  /** Events that were logged, oldest first. */
  readonly logged: string[]
  /** Opens the vault as a process would at its start; closed at the end of the test if not before. */
  open(options?: {
    readonly slots?: readonly KeySlot[]
    readonly clock?: Clock
    /** The run of the system it is in; none has a name that is `undefined`. */
    readonly boot?: string | undefined
  }): Promise<SqliteVault>
}

/** A home in a folder of its own (or in `folder`), not yet made. */
export function createHome(folder: string = temporaryFolder()): Home {
  const paths = homePaths({ VALETKEY_HOME: join(folder, 'home') }, process.platform)
  const keyFile = join(paths.home, 'vault.key')
  const logged: string[] = []
  return {
    paths,
    keyFile,
    logged,
    async open({ slots = [keyFileSlot(keyFile)], clock = systemClock, ...where } = {}) {
      const boot = 'boot' in where ? where.boot : bootName(process.platform)
      const log = (_level: string, event: string): void => void logged.push(event)
      const vault = await openVault({ paths, slots, clock, randomness: systemRandomness, log, boot })
      onTestFinished(() => {
        vault.close()
      })
      return vault
    },
  }
}

/** Every file below `folder`, as absolute paths. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
}

/** A digest of every file below `folder` by path: equal before and after means nothing was touched. */
export function contents(folder: string): ReadonlyMap<string, string> {
  return new Map(filesBelow(folder).map((path) => [path, hash('sha256', readFileSync(path))]))
}

/** Waits until `condition`, asking every few milliseconds; fails after `seconds`. */
export async function until(what: string, condition: () => boolean, seconds = 25): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited ${String(seconds)} s in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export interface Child {
  readonly process: ChildProcess
  /** What it printed so far. */
  output(): string
  /** Resolves with its exit status, `null` when a signal ended it. */
  readonly ended: Promise<number | null>
}

const script = fileURLToPath(new URL('child.ts', import.meta.url))

/** Starts `child.ts` with these arguments, ended at the end of the test. `before`: words to put in front of the command. */
export function startChild(
  words: readonly string[],
  options: {
    readonly before?: readonly string[]
    readonly uid?: number
    readonly env?: NodeJS.ProcessEnv
  } = {},
): Child {
  const [command = '', ...rest] = [...(options.before ?? []), process.execPath, script, ...words]
  const { uid, env = process.env } = options
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, NODE_NO_WARNINGS: '1' },
    ...(uid !== undefined && { uid, gid: uid }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', resolve)
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return { process: child, output: () => output, ended }
}

/** The one damaged file that was moved aside; fails when there is none. */
export function movedAside(paths: HomePaths): string {
  const [name] = readdirSync(paths.home).filter((entry) => /^vault\.db\.damaged-.*Z$/u.test(entry))
  if (name === undefined || !existsSync(join(paths.home, name))) throw new Error('nothing was moved aside')
  return join(paths.home, name)
}
