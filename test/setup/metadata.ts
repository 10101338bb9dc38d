/** `valetkey metadata` as a process of its own, asked byte by byte. The rule: it is ended, by pid, whatever the test did. */
import type { ChildProcess } from 'node:child_process'
import { request } from 'node:http'
import { collect, startCli, until, type CommandResult } from './daemon.ts'

export interface MetadataServer {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  readonly variables: Readonly<Record<string, string>>
  /** What it has said so far. */
  said(): string
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  stop(): Promise<CommandResult>
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string
}

/** Starts `valetkey metadata CLOUD --account ACCOUNT` and waits until it listens. */
export async function startMetadata(
  home: string,
  cloud: 'google' | 'azure',
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<MetadataServer> {
  const child: ChildProcess = startCli(home, ['metadata', cloud, '--json', ...args], env)
  const out: string[] = []
  const err: string[] = []
  child.stdout?.setEncoding('utf8').on('data', (text: string) => out.push(text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => err.push(text))
  const result = collect(child)
  let over = false
  void result.then(() => {
    over = true
  })
  const line = await until(() => {
    if (over) throw new Error(`the metadata server ended: ${err.join('')}`)
    return out.join('').includes('\n') ? out.join('') : undefined
  })
  const { env: variables } = JSON.parse(line) as { env: Record<string, string> }
  const host = variables['GCE_METADATA_HOST'] ?? new URL(variables['IDENTITY_ENDPOINT'] ?? '').host
  return {
    host,
    variables,
    said: () => err.join(''),
    get: (path, headers = {}) => get(host, path, headers),
    stop: () => {
      child.kill('SIGTERM')
      return result
    },
  }
}

/** One GET with exactly these headers beside Host, which `headers` may replace. */
export function get(host: string, path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const port = Number(host.split(':')[1])
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, headers: { Host: host, ...headers } }, (response) => {
      const parts: string[] = []
      response.setEncoding('utf8').on('data', (text: string) => parts.push(text))
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parts.join('') })
      })
    })
    call.once('error', reject)
    call.end()
  })
}
