/**
 * A program that refreshes over and over: over the broker's socket, or directly at the provider's token endpoint. The
 * rule: both ways use the same node:http client on a kept connection and read the whole JSON answer, and they take turns
 * request by request; beside them, in the same turn, one synchronised write shows what durability costs on this disk.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { interleave } from '../harness.ts'
import { serveParent } from './child.ts'

export type Step =
  | {
      readonly kind: 'request'
      readonly socket?: string
      readonly port?: number
      readonly path: string
      readonly headers: Readonly<Record<string, string>>
      readonly body: string
    }
  /** A token request of RFC 6749 section 6; a new refresh token in the answer is used for the next. */
  | { readonly kind: 'refresh'; readonly port: number; readonly path: string; readonly refresh_token: string }
  /** 4 KiB appended and synchronised. */
  | { readonly kind: 'disk-sync'; readonly file: string }

export interface CallOrder {
  readonly rounds: number
  readonly warmUp: number
  readonly steps: Readonly<Record<string, Step>>
}

/** Milliseconds of every turn, by the name of the step. */
export type CallAnswer = Readonly<Record<string, readonly number[]>>

const agent = new Agent({ keepAlive: true, maxSockets: 8 })

interface Exchange {
  readonly socket?: string | undefined
  readonly port?: number | undefined
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

function post({ socket, port, path, headers, body }: Exchange): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const place = socket === undefined ? { host: '127.0.0.1', port } : { socketPath: socket }
    const length = { 'content-length': String(Buffer.byteLength(body)) }
    const call = request({ ...place, path, method: 'POST', agent, headers: { ...headers, ...length } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (response.statusCode === 200) resolve(JSON.parse(text) as Readonly<Record<string, unknown>>)
        else reject(new Error(`${path} answered ${String(response.statusCode)} ${text}`))
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

/** A step as something that can be timed once per turn. */
function prepare(step: Step): () => Promise<number> {
  switch (step.kind) {
    case 'request':
      return () => timed(() => post(step))
    case 'refresh': {
      let { refresh_token } = step
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      return () =>
        timed(async () => {
          const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id: 'bench' })
          const answer = await post({ port: step.port, path: step.path, headers, body: form.toString() })
          if (typeof answer['refresh_token'] === 'string') refresh_token = answer['refresh_token']
        })
    }
    case 'disk-sync': {
      const fd = openSync(step.file, 'a', 0o600)
      process.once('exit', () => {
        closeSync(fd)
      })
      const block = Buffer.alloc(4096, 'x')
      return () =>
        timed(() => {
          writeSync(fd, block)
          fdatasyncSync(fd)
        })
    }
  }
}

async function timed(work: () => unknown): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

serveParent(({ rounds, warmUp, steps }: CallOrder): Promise<CallAnswer> =>
  interleave(
    rounds,
    warmUp,
    Object.fromEntries(Object.entries(steps).map(([name, step]) => [name, prepare(step)] as const)),
  ),
)
