/**
 * One call to the operating system's keyring, in a process of its own. The rule: it has an end. The library connects in
 * its constructor, on the calling thread, and a call that waits for a prompt cannot be aborted and holds up the exit of
 * its process; a process of its own can always be ended. What is secret goes through pipes, never through arguments.
 */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'

export interface KeyringCall {
  readonly service: string
  readonly account: string
  /** The secret to store (it is read back afterwards); without it the stored one is read. */
  readonly secret?: Uint8Array
}

/** `found`: what the entry holds now, `null` when there is none. `failed`: the library's own words. */
export type KeyringAnswer =
  | { readonly kind: 'found'; readonly secret: Uint8Array | null }
  | { readonly kind: 'failed'; readonly words: string }
  | { readonly kind: 'no-answer' }

const require = createRequire(import.meta.url)

const SCRIPT = `
const chunks = []
process.stdin.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
  let answer
  try {
    const { service, account, secret } = JSON.parse(Buffer.concat(chunks).toString())
    const { Entry } = require(process.argv[1])
    const entry = new Entry(service, account, { linux: { store: 'secret-service' } })
    if (secret !== undefined) entry.setSecret(Buffer.from(secret, 'base64'))
    const found = entry.getSecret()
    answer = { secret: found === null ? null : Buffer.from(found).toString('base64') }
  } catch (thrown) {
    answer = { words: String(thrown) }
  }
  process.stdout.end(JSON.stringify(answer))
})
`

/** `node`: an executable that is Node. Never rejects; answers after `patience` milliseconds at the latest. */
export function callKeyring(
  call: KeyringCall,
  patience: number,
  node: string = process.execPath,
): Promise<KeyringAnswer> {
  return new Promise((resolve) => {
    const library = require.resolve('@napi-rs/keyring')
    const child = spawn(node, ['-e', SCRIPT, library], {
      stdio: ['pipe', 'pipe', 'ignore'],
      // Should the host be Electron, its executable is to be Node here.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    })
    const chunks: Buffer[] = []
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve({ kind: 'no-answer' })
    }, patience)
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', (cause) => {
      clearTimeout(timer)
      resolve({ kind: 'failed', words: String(cause) })
    })
    child.on('close', () => {
      clearTimeout(timer)
      resolve(read(Buffer.concat(chunks)))
    })
    // A child that ends before it has read everything is told by what it answered.
    child.stdin.on('error', () => undefined)
    const secret = call.secret && Buffer.from(call.secret).toString('base64')
    child.stdin.end(JSON.stringify({ ...call, secret }))
  })
}

function read(output: Buffer): KeyringAnswer {
  try {
    const answer = JSON.parse(output.toString()) as { readonly secret?: string | null; readonly words?: string }
    if (typeof answer.words === 'string') return { kind: 'failed', words: answer.words }
    const secret = typeof answer.secret === 'string' ? Uint8Array.from(Buffer.from(answer.secret, 'base64')) : null
    return { kind: 'found', secret }
  } catch {
    return { kind: 'failed', words: 'the keyring call ended without an answer' }
  } finally {
    output.fill(0)
  }
}
