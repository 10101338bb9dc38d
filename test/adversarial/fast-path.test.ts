/**
 * The fast path and a socket that means ill: S1 to S4 and S9 of the threat model, and threat row 14. The rule: whatever is
 * sent to it, stdout gets one whole token or nothing, and it neither hangs nor says what was sent.
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cleanEnvironment, collect, runCli, until, type CommandResult } from '../setup/daemon.ts'
import { handedOver, makeLone, runFast, startFast } from '../setup/fast-path.ts'
import { cliToken, makeHome, startSquatter, startStandIn, tokenAnswer } from '../unit/cli/stand-in-broker.ts'

let lone: ReturnType<typeof makeLone>
let home: ReturnType<typeof makeHome>
let server: Server | undefined
let heard: string
const sockets = new Set<Socket>()
beforeAll(() => {
  lone = makeLone()
})
afterAll(() => {
  lone.remove()
})
beforeEach(() => {
  home = makeHome()
})
afterEach(async () => {
  await stop()
  home.remove()
})

async function stop(): Promise<void> {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  const stopped = server
  server = undefined
  if (stopped) await new Promise((resolve) => stopped.close(resolve))
}

/** Answers the first request of every connection as `answer` does. */
async function serve(answer: (socket: Socket) => void): Promise<void> {
  await stop()
  heard = ''
  const listening = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => {
      answer(socket)
    })
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')))
  })
  server = listening
  await new Promise<void>((resolve) => listening.listen(home.paths.socket, resolve))
  chmodSync(home.paths.socket, 0o600)
}

const fast = (...more: readonly string[]): Promise<CommandResult> =>
  runFast(home.home, ['token', 'ada', ...more], {}, lone.program)

const json = JSON.stringify(tokenAnswer('at-good'))
const withLength = (body: string | Buffer, length: string = String(Buffer.byteLength(body))): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`), Buffer.from(body)])
const early = 'HTTP/1.1 103 Early Hints\r\nValetkey-Request: req_1\r\nValetkey-Code: 123-456\r\n\r\n'

/** Why nothing was printed, in words; the command line says the same, and nothing was asked twice. */
async function refusal(answer: (socket: Socket) => void): Promise<string> {
  await serve(answer)
  const ours = await fast()
  expect(ours).toMatchObject({ code: 1, stdout: '' })
  expect(heard.match(/POST \/v1\/token /gu)).toHaveLength(1)
  expect(await runCli(home.home, ['token', 'ada'])).toEqual(ours)
  return /^valetkey: (.*)\nrun: valetkey doctor\n$/u.exec(ours.stderr)?.[1] ?? ours.stderr
}

const broken = (why: string): string => `The answer could not be understood: ${why}.`

describe('S1: an answer', () => {
  const oneByOne = (socket: Socket, bytes: Buffer): void => {
    socket.setNoDelay(true)
    let sent = 0
    const next = (): void => {
      if (sent < bytes.length && !socket.destroyed) socket.write(bytes.subarray(sent, ++sent), () => setImmediate(next))
    }
    next()
  }

  it('is understood byte by byte, of known length and in chunks, with questions before it', async () => {
    const chunks = `${json.slice(0, 9)}\r\n${(json.length - 9).toString(16)};x=y\r\n${json.slice(9)}\r\n0\r\nX: y\r\n\r\n`
    const answers = [
      withLength(json),
      Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n9\r\n${chunks}`),
    ]
    await serve((socket) => {
      oneByOne(socket, Buffer.concat([Buffer.from(early), answers.shift() ?? Buffer.alloc(0)]))
    })
    for (const option of [[], ['--json']]) {
      const { code, stdout, stderr } = await fast(...option)
      expect({ code, stdout }).toEqual({ code: 0, stdout: option.length === 0 ? 'at-good\n' : `${json}\n` })
      expect(stderr).toContain('123-456')
    }
  })

  it('is refused when there are two in one write', async () => {
    expect(await refusal((socket) => socket.write(Buffer.concat([withLength(json), withLength(json)])))).toBe(
      broken('there is more than one answer'),
    )
  })
})

describe('S2: a length', () => {
  const lengths: readonly (readonly [length: string, why: string])[] = [
    ['4294967295', 'it is too long'],
    ['999999999999999', 'it is too long'],
    ['-1', 'its length is ambiguous'],
    ['+9', 'its length is ambiguous'],
    ['0x10', 'its length is ambiguous'],
    ['18446744073709551617', 'its length is ambiguous'],
    ['', 'its length is ambiguous'],
    ['9, 9', 'its length is ambiguous'],
    ['9\r\nContent-Length: 9', 'its length is ambiguous'],
    ['9\r\nTransfer-Encoding: chunked', 'its length is ambiguous'],
  ]
  it.each(lengths)('of %j is refused before it is believed', async (length, why) => {
    expect(await refusal((socket) => socket.write(withLength(json, length)))).toBe(broken(why))
  })

  it('of nothing is no answer', async () => {
    expect(await refusal((socket) => socket.write(withLength('')))).toBe('The answer is not JSON.')
  })

  it('that is more than comes is no answer', async () => {
    expect(await refusal((socket) => socket.end(withLength(json, '9999')))).toBe(
      broken('the connection ended in the middle of the answer'),
    )
  })

  it.each([
    ['ffffffff', 'it is too long'],
    ['100001', 'it is too long'],
    ['123456789', 'its chunks are malformed'],
    ['-5', 'its chunks are malformed'],
    ['', 'its chunks are malformed'],
    ['5 ', 'its chunks are malformed'],
    ['5;'.padEnd(300, 'x'), 'its chunks are malformed'],
  ])('of a chunk of %j is refused', async (size, why) => {
    expect(
      await refusal((socket) =>
        socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\nhello\r\n0\r\n\r\n`),
      ),
    ).toBe(broken(why))
  })

  it('that is not said ends with the connection, or with our patience for more', async () => {
    await serve((socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${json}`))
    expect(await fast()).toEqual({ code: 0, stdout: 'at-good\n', stderr: '' })
    expect(await refusal((socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${json}${' '.repeat(1_048_577)}`))).toBe(
      broken('it is too long'),
    )
  })

  it('of a head without end is refused, and so are informational answers without end', async () => {
    expect(await refusal((socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}`))).toBe(
      broken('its head is too long'),
    )
    expect(await refusal((socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(40)))).toBe(
      broken('it never gets to the answer'),
    )
  })

  it('is not asked for where it is not HTTP at all', async () => {
    expect(await refusal((socket) => socket.write('SSH-2.0-x'))).toBe(broken('it is not HTTP/1.1'))
    expect(await refusal((socket) => socket.write('HTTP/1.1 99 x\r\n\r\n'))).toBe(broken('it is not HTTP/1.1'))
    expect(await refusal((socket) => socket.write('HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n'))).toBe(
      broken('one of its headers is malformed'),
    )
  })
})

describe('S3, S4: a body', () => {
  const quoted = (bytes: readonly number[]): Buffer =>
    Buffer.concat([
      Buffer.from('{"access_token":"x","authorization":"x","more":"'),
      Buffer.from(bytes),
      Buffer.from('"}'),
    ])
  const bodies: readonly (readonly [string, Buffer])[] = [
    ['invalid UTF-8', quoted([0x61, 0xff])],
    ['UTF-8 that is longer than it has to be', quoted([0xc0, 0xaf])],
    ['half a surrogate pair as UTF-8', quoted([0xed, 0xa0, 0x80])],
    ['a code point beyond the last', quoted([0xf4, 0x90, 0x80, 0x80])],
    [
      'a character cut short',
      Buffer.from([...Buffer.from('{"access_token":"x","authorization":"x","more":"'), 0xe2, 0x82]),
    ],
    ['a line break inside a text', quoted([0x0a])],
    ['an escape there is not', quoted([0x5c, 0x78])],
    ['an escape cut short', quoted([...Buffer.from('\\u12')])],
    ['something after its end', Buffer.from(`${json}x`)],
    ['a byte order mark', Buffer.from(`\ufeff${json}`)],
    ['a comma too many', Buffer.from('{"access_token":"x","authorization":"x",}')],
    ['a number nobody writes', Buffer.from('{"access_token":"x","authorization":"x","n":01}')],
    ['nothing but an opening', Buffer.from('{')],
  ]
  it.each(bodies)('with %s is no JSON', async (_what, body) => {
    expect(await refusal((socket) => socket.write(withLength(body)))).toBe('The answer is not JSON.')
  })

  it.each([
    [
      '200 000 levels deep',
      `{"access_token":"x","authorization":"x","more":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
    ],
    ['with its token twice', '{"access_token":"x","access_token":"y","authorization":"x"}'],
    ['with its token twice, once in disguise', '{"access_token":"x","access_t\\u006fken":"y","authorization":"x"}'],
  ])('%s is no JSON either', async (_what, body) => {
    await serve((socket) => socket.write(withLength(body)))
    const { code, stdout, stderr } = await fast()
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe('valetkey: The answer is not JSON.\nrun: valetkey doctor\n')
  })
})

describe('a broker that ends', () => {
  it('before it has answered is not running', async () => {
    // What it has not read is a reset for whoever sent it.
    await serve(() => undefined)
    server?.removeAllListeners('connection').on('connection', (socket) => socket.destroy())
    const ours = await fast()
    expect(ours).toMatchObject({ code: 3, stdout: '' })
    expect(ours.stderr).toContain('Valetkey is not running')
    expect(await runCli(home.home, ['token', 'ada'])).toEqual(ours)
  })
})

describe('S9: a stranger', () => {
  it('whose place proves nothing and who proves nothing gets a nonce and no more', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vk-'))
    chmodSync(folder, 0o755)
    const proof = JSON.stringify({ public_key: 'A'.repeat(43), signature: 'A'.repeat(86) })
    const squatter = await startSquatter(join(folder, 's'), withLength(proof).toString())
    const broker = await startStandIn()
    try {
      const env = { VALETKEY_SOCK: join(folder, 's') }
      expect(await runFast(broker.home, ['token', 'ada'], env, lone.program)).toEqual(handedOver)
      expect(squatter.connections()).toBe(1)
      expect(squatter.captured()).toMatch(/^GET \/v1\/hello\?nonce=[\w-]{43} HTTP\/1\.1\r\nHost: localhost\r\n\r\n$/u)
      // And none twice.
      const [first] = squatter.captured().split('\r\n')
      await runFast(broker.home, ['token', 'ada'], env, lone.program)
      expect(squatter.captured().split(first ?? '').length).toBe(2)
    } finally {
      await Promise.all([squatter.close(), broker.close()])
      rmSync(folder, { recursive: true })
    }
  })

  it('is told from the broker that proves itself at a place that proves nothing', async () => {
    const broker = await startStandIn()
    try {
      broker.routes.set('token', () => ({ value: tokenAnswer('at-proven') }))
      const over = await runFast(broker.home, ['token', 'ada'], { VALETKEY_URL: broker.url }, lone.program)
      expect(over).toEqual({ code: 0, stdout: 'at-proven\n', stderr: '' })
      expect(broker.received).toHaveLength(1)
      // What it left about itself is believed only where nobody else could have written it.
      chmodSync(broker.paths.endpointFile, 0o644)
      expect(await runFast(broker.home, ['token', 'ada'], { VALETKEY_URL: broker.url }, lone.program)).toEqual(
        handedOver,
      )
      chmodSync(broker.paths.endpointFile, 0o600)
      chmodSync(broker.paths.run, 0o750)
      expect(await runFast(broker.home, ['token', 'ada'], {}, lone.program)).toEqual(handedOver)
      expect(broker.received).toHaveLength(1)
    } finally {
      await broker.close()
    }
  })
})

describe('Threat 14: a crash', () => {
  it('with a token in hand leaves no core file, where another program’s would', async () => {
    const relative = !/^[|/]/u.test(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'))
    await serve(() => undefined)
    const folder = mkdtempSync(join(tmpdir(), 'vk-core-'))
    const crash = async (words: readonly string[], ready: () => boolean): Promise<readonly string[]> => {
      const child = spawn('/bin/sh', ['-c', 'ulimit -c unlimited; exec "$@"', 'sh', ...words], {
        cwd: folder,
        env: cleanEnvironment(home.home),
      })
      const ended = collect(child)
      await until(() => ready() || undefined)
      child.kill('SIGABRT')
      expect((await ended).code).toBeNull()
      return readdirSync(folder)
    }
    try {
      expect(await crash([lone.program, 'token', 'ada'], () => heard.includes(cliToken))).toEqual([])
      const control = await crash(['sh', '-c', 'echo >started; read line'], () =>
        readdirSync(folder).includes('started'),
      )
      expect(control.some((name) => name.startsWith('core'))).toBe(relative)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('or the reader’s going is an end like any other', async () => {
    await serve((socket) => socket.write(withLength(json)))
    const child = startFast(home.home, ['token', 'ada'], {}, lone.program)
    child.stdout?.destroy()
    const ended = await new Promise((resolve) => {
      child.once('close', (code, signal) => {
        resolve({ code, signal })
      })
    })
    expect([
      { code: null, signal: 'SIGPIPE' },
      { code: 141, signal: null },
    ]).toContainEqual(ended)
  })
})
