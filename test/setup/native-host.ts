/** The browser's side of the native-messaging host: starts it, writes frames, reads them back. */
import { spawn } from 'node:child_process'
import { endianness } from 'node:os'
import { join, resolve } from 'node:path'
import { cleanEnvironment, until } from './daemon.ts'

export interface HostProcess {
  /** Sends a message, framed. */
  send(message: unknown): void
  /** Writes these bytes as they are. */
  write(bytes: Buffer): void
  /** The next answers with this id until one that is the last; earlier ones are `pending`. */
  answer(id: string): Promise<Readonly<Record<string, unknown>>>
  readonly answers: readonly Readonly<Record<string, unknown>>[]
  /** Everything on standard output, raw. */
  output(): Buffer
  errors(): string
  /** The browser lets go. */
  close(): void
  readonly ended: Promise<number | null>
}

const root = resolve(import.meta.dirname, '../..')
/** What a native-messaging host is started as from the sources' build. */
export const hostCommand: readonly string[] = [process.execPath, join(root, 'dist/native-host.cjs')]

export function startHost(
  home: string,
  args: readonly string[],
  [program = '', ...first] = hostCommand,
  env: Readonly<Record<string, string>> = {},
): HostProcess {
  const child = spawn(program, [...first, ...args], { env: cleanEnvironment(home, env) })
  const chunks: Buffer[] = []
  const errors: string[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
  // It may have ended before it read everything.
  child.stdin.on('error', () => undefined)
  const ended = new Promise<number | null>((done) => child.once('close', done))
  const answers = (): readonly Readonly<Record<string, unknown>>[] => readFrames(Buffer.concat(chunks))
  return {
    send: (message) => child.stdin.write(frame(JSON.stringify(message))),
    write: (bytes) => child.stdin.write(bytes),
    answer: (id) => until(() => answers().find((one) => one['id'] === id && !('pending' in one))),
    get answers() {
      return answers()
    },
    output: () => Buffer.concat(chunks),
    errors: () => errors.join(''),
    close: () => child.stdin.end(),
    ended,
  }
}

/** By the documentation of browsers, not by the code under test. */
export function frame(text: string): Buffer {
  const header = new Uint8Array(Uint32Array.of(Buffer.byteLength(text)).buffer)
  return Buffer.concat([header, Buffer.from(text)])
}

/** Throws when anything but whole frames and the beginning of one is there. */
function readFrames(bytes: Buffer): readonly Readonly<Record<string, unknown>>[] {
  const found: Readonly<Record<string, unknown>>[] = []
  let at = 0
  while (bytes.length >= at + 4) {
    const length = endianness() === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
    if (length > 1_048_576) throw new Error(`not a frame at ${String(at)}: ${bytes.subarray(at, at + 64).toString()}`)
    if (bytes.length < at + 4 + length) break
    found.push(JSON.parse(bytes.subarray(at + 4, at + 4 + length).toString()) as Readonly<Record<string, unknown>>)
    at += 4 + length
  }
  return found
}
