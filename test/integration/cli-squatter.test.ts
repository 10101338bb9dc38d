/** S9: whoever sits where the broker should be gets nothing worth having, from the command line and from clients/js. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, ValetkeyError } from '../../clients/js/index.ts'
import { runCli } from '../setup/daemon.ts'
import { runFast } from '../setup/fast-path.ts'
import {
  cliToken,
  makeHome,
  type Squatter,
  type StandIn,
  startSquatter,
  startStandIn,
  tokenAnswer,
} from '../unit/cli/stand-in-broker.ts'

const passphrase = 'correct horse battery staple'
const helpful = (body: unknown): string => {
  const text = JSON.stringify(body)
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${String(Buffer.byteLength(text))}\r\n\r\n${text}`
}

let home: ReturnType<typeof makeHome>
let squatters: Squatter[]
beforeEach(() => {
  home = makeHome()
  squatters = []
})
afterEach(async () => {
  await Promise.all(squatters.map((squatter) => squatter.close()))
  home.remove()
})

const squat = async (where: Parameters<typeof startSquatter>[0], reply?: string): ReturnType<typeof startSquatter> => {
  const squatter = await startSquatter(where, reply)
  squatters.push(squatter)
  return squatter
}
const nothingWasLearnt = (squatter: Squatter): void => {
  const learnt = squatter.captured()
  for (const secret of [cliToken, passphrase, 'Authorization', 'authorization', 'POST'])
    expect(learnt).not.toContain(secret)
}

/** The two ways a client token could be given away: each answers the token's answer or the refusal. */
const askers: readonly (readonly [
  string,
  (place: { readonly socket?: string; readonly url?: string }) => Promise<unknown>,
])[] = [
  [
    'the command line',
    async ({ socket, url }) => {
      const env = {
        ...(socket !== undefined && { VALETKEY_SOCK: socket }),
        ...(url !== undefined && { VALETKEY_URL: url }),
      }
      const { code, stdout, stderr } = await runCli(home.home, ['token', 'ada', '--json'], { env })
      expect({ code, stdout: stdout !== '' }).toEqual(
        stderr === '' ? { code: 0, stdout: true } : { code: 3, stdout: false },
      )
      return JSON.parse(stdout + stderr) as unknown
    },
  ],
  [
    'the fast path',
    async ({ socket, url }) => {
      const env = {
        ...(socket !== undefined && { VALETKEY_SOCK: socket }),
        ...(url !== undefined && { VALETKEY_URL: url }),
      }
      const { code, stdout, stderr } = await runFast(home.home, ['token', 'ada', '--json'], env)
      expect([code, stdout === '', stderr === '']).toEqual(stderr === '' ? [0, false, true] : [3, true, false])
      return JSON.parse(stdout + stderr) as unknown
    },
  ],
  [
    'clients/js',
    async (place) => {
      const client = connect({ home: home.home, clientToken: cliToken, ...place })
      try {
        return await client.getToken({ account: 'ada' })
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(ValetkeyError)
        return { error: (thrown as ValetkeyError).code }
      } finally {
        client.close()
      }
    },
  ],
]

describe.each(askers)('S9: %s', (_name, ask) => {
  it('sends no secret to a socket in a folder that others can write to', async () => {
    const squatter = await squat(home.paths.socket, helpful(tokenAnswer('evil')))
    chmodSync(home.paths.run, 0o777)
    expect(await ask({})).toMatchObject({ error: 'not_running' })
    nothingWasLearnt(squatter)
  })

  it('sends no secret to a socket elsewhere that cannot prove itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vk-'))
    chmodSync(folder, 0o755)
    const socket = join(folder, 's')
    const squatter = await squat(socket, helpful({ public_key: 'A'.repeat(43), signature: 'A'.repeat(86) }))
    announce({ socket, public_key: 'A'.repeat(43) })
    expect(await ask({ socket })).toMatchObject({ error: 'not_running' })
    expect(squatter.captured()).toContain('GET /v1/hello?nonce=')
    nothingWasLearnt(squatter)
    rmSync(folder, { recursive: true })
  })

  it('sends no secret to another program on the broker’s old port', async () => {
    const squatter = await squat(
      { port: 0, host: '127.0.0.1' },
      helpful({ public_key: 'A'.repeat(43), signature: 'A'.repeat(86) }),
    )
    const url = `http://127.0.0.1:${String(squatter.port)}`
    announce({ url, public_key: 'A'.repeat(43) })
    expect(await ask({ url })).toMatchObject({ error: 'not_running' })
    expect(squatter.captured()).toContain('GET /v1/hello?nonce=')
    nothingWasLearnt(squatter)
  })

  it('sends no secret to a port when nothing says which key to expect', async () => {
    const squatter = await squat({ port: 0, host: '127.0.0.1' }, helpful(tokenAnswer('evil')))
    expect(await ask({ url: `http://127.0.0.1:${String(squatter.port)}` })).toMatchObject({ error: 'not_running' })
    expect(squatter.captured()).toBe('')
  })

  it('believes no announcement that somebody else could have written', async () => {
    const squatter = await squat({ port: 0, host: '127.0.0.1' })
    const url = `http://127.0.0.1:${String(squatter.port)}`
    announce({ url, public_key: 'A'.repeat(43) })
    chmodSync(home.paths.run, 0o777)
    expect(await ask({ url })).toMatchObject({ error: 'not_running' })
    expect(squatter.captured()).toBe('')
  })
})

describe('S9: a relay', () => {
  let broker: StandIn
  beforeEach(async () => {
    broker = await startStandIn()
    broker.routes.set('token', () => ({ value: tokenAnswer() }))
    rmSync(home.paths.cliToken)
    writeFileSync(home.paths.cliToken, cliToken, { mode: 0o600 })
  })
  afterEach(async () => {
    await broker.close()
  })

  it.each(askers)('that passes the challenge on to the real broker proves nothing to %s', async (_name, ask) => {
    const heard: string[] = []
    const relay = createServer((asked, answer) => {
      heard.push(`${asked.method ?? ''} ${asked.url ?? ''} ${JSON.stringify(asked.headers)}`)
      const onward = request(`${broker.url}${asked.url ?? ''}`, (real) => {
        answer.writeHead(real.statusCode ?? 0, real.headers)
        real.pipe(answer)
      })
      onward.end()
    })
    await new Promise<void>((resolve) => {
      relay.listen(0, '127.0.0.1', resolve)
    })
    const url = `http://127.0.0.1:${String((relay.address() as { port: number }).port)}`
    announce({ url, public_key: broker.publicKey })
    try {
      expect(await ask({ url })).toMatchObject({ error: 'not_running' })
      // The fast path asks once, and then the command line it hands over to.
      expect(heard).toHaveLength(ask === askers[1]?.[1] ? 2 : 1)
      for (const one of heard) {
        expect(one).toMatch(/^GET \/v1\/hello/u)
        expect(one).not.toContain('authorization')
      }
      // With the same announcement the real broker is believed at its own address.
      expect(await ask({ url: broker.url })).toEqual(tokenAnswer())
    } finally {
      relay.closeAllConnections()
      await new Promise((resolve) => relay.close(resolve))
    }
  })
})

describe('S9: a managing command', () => {
  it('sends no passphrase to a control socket that could be anybody’s', async () => {
    const squatter = await squat(
      home.paths.control,
      helpful({ ok: true, value: { vault: { state: 'locked', protection: 'passphrase' } } }),
    )
    chmodSync(home.paths.run, 0o755)
    const { code, stdout, stderr } = await runCli(home.home, ['unlock'], { input: `${passphrase}\n` })
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain(`run: chmod 700 ${home.paths.run}`)
    nothingWasLearnt(squatter)
  })

  it('does not follow a link to a socket', async () => {
    const elsewhere = join(home.home, 'elsewhere')
    mkdirSync(elsewhere, { mode: 0o700 })
    const squatter = await squat(join(elsewhere, 's'), helpful({ ok: true, value: {} }))
    symlinkSync(join(elsewhere, 's'), home.paths.control)
    expect((await runCli(home.home, ['lock'])).code).toBe(3)
    expect(squatter.captured()).toBe('')
  })
})

/** What a broker that is gone may have left in the run folder. */
function announce(members: Readonly<Record<string, string>>): void {
  const file = {
    version: '1',
    host: 'daemon',
    pid: 1,
    started_at: 1,
    socket: home.paths.socket,
    control: home.paths.control,
    ...members,
  }
  writeFileSync(home.paths.endpointFile, JSON.stringify(file), { mode: 0o600 })
}
