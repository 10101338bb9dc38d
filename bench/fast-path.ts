/**
 * `valetkey token` without Node, as a script calls it: a whole process, from nothing to the token on its standard output.
 * The rule: beside it, in the same run and taking turns with it, stand the tools that people already have for the same
 * job, each with its own daemon running and its secret already there; a stopwatch in C times them all alike.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnvironment, until } from '../test/setup/daemon.ts'
import { atMost, compare, interleave, type NotMeasured, type Row } from './harness.ts'
import { isOidcAgentInstalled, startOidcAgent } from './oidc-agent-rig.ts'
import { pin, runProgram, timeProgram } from './process.ts'
import type { Stage } from './stage.ts'

const group = 'fast-path'
const program = join(import.meta.dirname, '..', 'dist', 'valetkey-token')

export async function measureFastPath(stage: Stage): Promise<readonly Row[] | NotMeasured> {
  if (!existsSync(program)) return { because: 'fast-path: dist/valetkey-token is not built: not measured' }
  if (!isOidcAgentInstalled()) return { because: 'fast-path: oidc-agent is not installed: not compared' }
  const { daemon } = await stage.broker()
  const agent = stage.ends(await startOidcAgent(join(stage.folder, 'oidc-agent-fast'), await stage.provider()))
  await agent.add('oa-fast')
  const time = await makeStopwatch(join(stage.folder, 'stopwatch'))
  const git = stage.ends(await startCredentialCache(join(stage.folder, 'git'), time))
  const env = cleanEnvironment(daemon.paths.home)
  const { ours, oidc, cache } = await interleave(stage.rounds(100), 2, {
    ours: () => {
      const { ms, stdout } = time([program, 'token', 'cached'], env)
      if (!/^\S{100,}\n$/u.test(stdout)) throw new Error('valetkey token printed no token')
      return ms
    },
    oidc: () => {
      const { ms, stdout } = time(['oidc-token', 'oa-fast'], agent.env)
      if (!/^\S{20,}\n$/u.test(stdout)) throw new Error('oidc-token printed no token')
      return ms
    },
    cache: () => git.time(),
  })
  const row = (name: string, samples: readonly number[], most: number): Row =>
    compare({
      group,
      name: 'valetkey token by the fast path, whole process',
      unit: 'ms',
      ours,
      baseline: { name, samples },
      target: atMost(most),
    })
  return [row('oidc-token', oidc, 0.6), row('git credential-cache get', cache, 0.75)]
}

/** A program with its arguments: milliseconds of one run of several, and what it printed. Throws when it does not end well. */
type Stopwatch = (
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  input?: string,
) => { readonly ms: number; readonly stdout: string }

/** How often a program runs in its turn; the turn's figure is the median. */
const times = 5

/** The compiler that made the fast path makes this too. `input` of a run is a file. */
async function makeStopwatch(file: string): Promise<Stopwatch> {
  const source = join(import.meta.dirname, 'processes', 'stopwatch.c')
  await runProgram('cc', ['-std=c11', '-O2', '-o', file, source], process.env)
  return (words, env, input = '/dev/null') => {
    const { stdout } = timeProgram(file, [String(times), input, ...words], env)
    const end = stdout.indexOf('\n')
    return { ms: Number(stdout.slice(0, end)) / 1e6, stdout: stdout.slice(end + 1) }
  }
}

interface CredentialCache {
  /** Milliseconds of one `get`. Throws when it did not print the secret. */
  time(): number
  stop(): Promise<void>
}

/** git's own cache with one password of a token's size in it (git-credential-cache, git-credential). */
async function startCredentialCache(folder: string, time: Stopwatch): Promise<CredentialCache> {
  mkdirSync(folder, { mode: 0o700 })
  const socket = join(folder, 's')
  const env = { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }
  const words = (action: string): readonly string[] => [
    ...['credential-cache', '--timeout=3600', `--socket=${socket}`, action],
  ]
  const who = 'protocol=https\nhost=example.com\nusername=ada\n'
  const password = 'x'.repeat(1_200)
  const question = join(folder, 'question')
  writeFileSync(question, `${who}\n`)
  timeProgram('git', words('store'), env, `${who}password=${password}\n\n`)
  // Its daemon runs in the background by itself.
  for (const pid of await until(() => processesWith(socket))) pin(pid, 'server')
  return {
    time: () => {
      const { ms, stdout } = time(['git', ...words('get')], env, question)
      if (!stdout.includes(`password=${password}\n`)) throw new Error('git credential-cache printed no password')
      return ms
    },
    stop: () => {
      timeProgram('git', words('exit'), env)
      return Promise.resolve()
    },
  }
}

/** The processes that were started with this word; undefined while there are none, nothing where the system does not say. */
function processesWith(word: string): readonly number[] | undefined {
  if (!existsSync('/proc/self/cmdline')) return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/u.test(name) && commandOf(name).includes(word))
  return pids.length === 0 ? undefined : pids.map(Number)
}

function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'utf8').split('\0')
  } catch {
    // It has ended meanwhile.
    return []
  }
}
