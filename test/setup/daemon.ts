/**
 * The real daemon and the real command line as processes, each with a home of its own. The rule: what a test starts it
 * ends, by pid, and the home goes with it; readiness is the daemon's own answer to `hello`, never a pause.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { homePaths, parseEndpointFile, type EndpointFile, type HomePaths } from '../../main/contract/home.ts'

const cliBundle = join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs')

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningDaemon {
  readonly paths: HomePaths
  readonly endpoint: EndpointFile
  readonly pid: number
  /** Everything it has written so far. */
  output(): string
  /** One `valetkey` command in this home. */
  cli(
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: Record<string, string> },
  ): Promise<CommandResult>
  /** Asks it to stop and waits. */
  stop(): Promise<number | null>
  /** SIGKILL, and waits. */
  kill(): Promise<void>
  /** Resolves when it has ended by whatever cause. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

export interface DaemonOptions {
  /** A home that outlives this daemon; else a new one that goes with the test. */
  readonly home?: string
  readonly args?: readonly string[]
  readonly env?: Record<string, string>
  /** Written to standard input, then closed. */
  readonly input?: string
}

/** A new folder of our own, short enough for a socket path. */
export function newHome(): string {
  return join(mkdtempSync(join(tmpdir(), 'vk-')), 'home')
}

export function removeHome(home: string): void {
  rmSync(join(home, '..'), { recursive: true, force: true })
}

/** The environment a child gets: the necessary, nothing of the machine's own session. */
export function cleanEnvironment(home: string, more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { PATH, LANG, TMPDIR, NODE_V8_COVERAGE } = process.env
  return {
    ...(PATH !== undefined && { PATH }),
    ...(LANG !== undefined && { LANG }),
    ...(TMPDIR !== undefined && { TMPDIR }),
    ...(NODE_V8_COVERAGE !== undefined && { NODE_V8_COVERAGE }),
    HOME: home,
    VALETKEY_HOME: home,
    BROWSER: 'false',
    ...more,
  }
}

/** Runs one command to its end. */
export async function runCli(
  home: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Record<string, string> } = {},
): Promise<CommandResult> {
  const child = startCli(home, args, options.env)
  child.stdin?.end(options.input ?? '')
  return collect(child)
}

export function startCli(home: string, args: readonly string[], env?: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [cliBundle, ...args], { env: cleanEnvironment(home, env) })
  // A command that ends without reading its input is no failure of ours.
  child.stdin.on('error', () => undefined)
  return child
}

/** What a child printed and how it ended. */
export async function collect(child: ChildProcess): Promise<CommandResult> {
  const out: string[] = []
  const err: string[] = []
  child.stdout?.setEncoding('utf8').on('data', (text: string) => out.push(text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => err.push(text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, stdout: out.join(''), stderr: err.join('') }
}

/** The first line a child prints; rejects when it ends without one. */
export async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the child has no standard output')
  const lines = createInterface({ input: child.stdout })
  const [line] = (await Promise.race([
    once(lines, 'line'),
    once(lines, 'close').then(() => {
      throw new Error('the child ended without a line')
    }),
  ])) as [string]
  return line
}

/** Starts `valetkey daemon` and waits until it answers. Throws with its output when it ends first. */
export async function startDaemon(options: DaemonOptions = {}): Promise<RunningDaemon> {
  const home = options.home ?? newHome()
  const paths = homePaths({ VALETKEY_HOME: home }, process.platform)
  const args = options.args ?? ['--insecure-key-file']
  const child = spawn(process.execPath, [cliBundle, 'daemon', ...args], { env: cleanEnvironment(home, options.env) })
  child.stdin.end(options.input ?? '')
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal })
    })
  })
  let over = false
  void ended.then(() => {
    over = true
  })
  const pid = child.pid ?? 0
  const endpoint = await until(async () => {
    if (over) throw new Error(`the daemon ended before it was ready:\n${output.join('')}`)
    const file = readEndpoint(paths)
    return file?.pid === pid && (await answers(file.socket)) ? file : undefined
  }).catch((thrown: unknown) => {
    child.kill('SIGKILL')
    throw thrown
  })
  return {
    paths,
    endpoint,
    pid,
    output: () => output.join(''),
    ended,
    cli: (command, more) => runCli(home, command, more),
    stop: async () => {
      if (!over) child.kill('SIGTERM')
      const { code } = await ended
      if (options.home === undefined) removeHome(home)
      return code
    },
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Polls until `look` answers something; throws after `limit` milliseconds. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>, limit = 20_000): Promise<T> {
  const deadline = performance.now() + limit
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`not reached within ${String(limit)} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function readEndpoint(paths: HomePaths): EndpointFile | undefined {
  try {
    return parseEndpointFile(JSON.parse(readFileSync(paths.endpointFile, 'utf8')), '')
  } catch {
    return undefined
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/v1/hello?nonce=AAAAAAAAAAAAAAAAAAAAAA' }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    call.once('error', () => {
      resolve(false)
    })
    call.end()
  })
}
