/**
 * oidc-agent as Debian installs it, with accounts of our provider and without a person. The rule: it is driven as its own
 * manual says and as fast as it can be (passwords kept in memory, accounts loaded beforehand), so that what is slow in the
 * comparison is not our handling of it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { until } from '../test/setup/daemon.ts'
import { pin, runProgram } from './process.ts'
import type { Provider } from './stage.ts'

export interface OidcAgent {
  readonly socket: string
  /** For its programs. */
  readonly env: NodeJS.ProcessEnv
  /** Its version, as it says it. */
  readonly version: string
  /** Links an account whose issuer is the provider's of the same name. */
  add(name: string): Promise<void>
  stop(): Promise<void>
}

const program = 'oidc-agent'

export const isOidcAgentInstalled = (): boolean => [program, 'oidc-gen', 'oidc-token'].every(isOnPath)

function isOnPath(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))
}

/** Starts one with a configuration of its own in `folder`. */
export async function startOidcAgent(folder: string, provider: Provider): Promise<OidcAgent> {
  mkdirSync(folder, { mode: 0o700 })
  const socket = join(folder, 'agent.sock')
  const env = { PATH: process.env['PATH'], HOME: folder, OIDC_CONFIG_DIR: folder, OIDC_SOCK: socket }
  const child = spawn(program, ['--console', `--socket-path=${socket}`, '--json', '--pw-store', '--quiet'], {
    env,
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  // The file is there a moment before anybody listens at it.
  await until(async () => ((await accepts(socket)) ? true : undefined)).catch((thrown: unknown) => {
    child.kill('SIGTERM')
    throw thrown
  })
  pin(child.pid ?? 0, 'server')
  for (const other of childrenOf(child.pid ?? 0)) pin(other, 'server')
  const version = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout.trim()
  return {
    socket,
    env,
    version,
    add: async (name) => {
      await runProgram(
        'oidc-gen',
        [
          name,
          `--iss=http://127.0.0.1:${String(provider.port)}/${name}/`,
          '--client-id=bench',
          '--client-secret=bench',
          `--rt=rt-${name}`,
          '--pw-env',
          '--scope=openid offline_access',
          '--manual',
          '--confirm-default',
          '--prompt=none',
          '--redirect-uri=http://localhost:8080',
        ],
        { ...env, OIDC_ENCRYPTION_PW: 'bench' },
      )
    },
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (accepted: boolean): void => {
      socket.destroy()
      resolve(accepted)
    }
    socket.once('connect', () => {
      end(true)
    })
    socket.once('error', () => {
      end(false)
    })
  })
}

/** It works in a process of its own below the one that was started. */
function childrenOf(pid: number): readonly number[] {
  const { stdout } = spawnSync('ps', ['--ppid', String(pid), '-o', 'pid='], { encoding: 'utf8' })
  return stdout.split('\n').flatMap((line) => (line.trim() === '' ? [] : [Number(line)]))
}

/** A request for an access token on its plain JSON socket, without the encryption its own library adds. */
export function plainRequest(account: string, minValid = 0): string {
  return JSON.stringify({
    request: 'access_token',
    account,
    min_valid_period: minValid,
    application_hint: 'bench',
  })
}
