/**
 * The fast path's own code under the sanitizers, asked thousands of things in one process (fast-path-harness.c). The rule:
 * the first byte it reads or writes out of bounds, the first overflow and the first leak end it, and a run that ended is
 * an error that shows the case.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Case {
  /** An answer as it comes over a connection, a body alone, the words after `token`, or key, signature and message. */
  readonly kind: 'answer' | 'body' | 'words' | 'signature'
  readonly bytes: Uint8Array
  /** Bits: see the harness. */
  readonly options?: number
  /** Bytes that come at once; 0 for all of them. */
  readonly chunk?: number
}

export interface Told {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface Harness {
  run(cases: readonly Case[]): readonly Told[]
  remove(): void
}

const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']

/** Compiles it; without the sanitizers where the compiler has none. Throws what the compiler said. */
export function makeHarness(): Harness {
  const folder = mkdtempSync(join(tmpdir(), 'vk-harness-'))
  const program = join(folder, 'harness')
  const source = join(import.meta.dirname, 'fast-path-harness.c')
  const compile = (more: readonly string[]): string => {
    const words = ['-std=c11', '-g', '-O1', '-Wall', '-Wextra', '-Werror', ...more, '-o', program, source]
    const { error, status, stderr } = spawnSync('cc', words, { encoding: 'utf8' })
    if (error !== undefined) throw error
    return status === 0 ? '' : stderr
  }
  const complaint = compile(sanitizers)
  if (complaint !== '' && /cannot find.*(?:asan|ubsan)/u.test(complaint)) compile([])
  else if (complaint !== '') throw new Error(complaint)
  return {
    run: (cases) => {
      const input = Buffer.concat(cases.map(encode))
      const { status, stdout, stderr, signal } = spawnSync(program, [], { input, maxBuffer: 1 << 30 })
      const told = decode(stdout)
      if (status !== 0 || told.length !== cases.length)
        throw new Error(
          `ended with ${String(status ?? signal)} at ${shown(cases[told.length])}:\n${stderr.toString().slice(0, 4000)}`,
        )
      return told
    },
    remove: () => {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A case as a reader can try it again. */
export function shown(one: Case | undefined): string {
  if (one === undefined) return 'no case'
  const { kind, options = 0, chunk = 0, bytes } = one
  return `${kind} ${String(options)} ${String(chunk)} ${JSON.stringify(Buffer.from(bytes).toString('latin1').slice(0, 2000))}`
}

const letters = { answer: 'a', body: 'b', words: 'w', signature: 's' } as const

function encode({ kind, bytes, options = 0, chunk = 0 }: Case): Buffer {
  const head = Buffer.alloc(7)
  head.write(letters[kind], 'latin1')
  head[1] = options
  head[2] = chunk
  head.writeUInt32LE(bytes.length, 3)
  return Buffer.concat([head, bytes])
}

function decode(bytes: Buffer): readonly Told[] {
  const told: Told[] = []
  for (let at = 0; at + 9 <= bytes.length;) {
    const status = bytes.readInt8(at)
    const out = bytes.readUInt32LE(at + 1)
    const stdout = bytes.toString('utf8', at + 5, at + 5 + out)
    const err = bytes.readUInt32LE(at + 5 + out)
    const stderr = bytes.toString('utf8', at + 9 + out, at + 9 + out + err)
    told.push({ status, stdout, stderr })
    at += 9 + out + err
  }
  return told
}
