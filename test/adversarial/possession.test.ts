/**
 * Programs that sign their requests, in the real daemon: stolen tokens, forged and replayed proofs, squatters, keys that
 * change, and what is planted where a key is to be written. S8, and rows of the threat model by number.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { AccessRequest } from '../../main/contract/model.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { startDaemon, until, type RunningDaemon } from '../setup/daemon.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'
import { addressOf, SigningClient, type Parts, type Where } from '../setup/signing-client.ts'

let provider: IdentityProvider
let daemon: RunningDaemon
let socket: string
let port: number

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  daemon = await startDaemon({ args: ['--insecure-key-file', '--http'] })
  socket = daemon.paths.socket
  port = Number(new URL(daemon.endpoint.url ?? '').port)
  await linkAccount(daemon, provider, { login: 'ada' })
})

afterAll(async () => {
  await daemon.stop()
  await provider.stop()
})

async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await daemon.cli([...args, '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}

const requests = async (): Promise<readonly AccessRequest[]> =>
  (await json<{ requests: AccessRequest[] }>('requests')).requests

/** A program paired with its key, by the code it shows. */
async function pairSigning(name: string, client = new SigningClient(), where: Where = socket): Promise<SigningClient> {
  let approved: Promise<void> | undefined
  const body = { name, kind: 'script', public_key: client.public_key }
  const reply = await client.call(where, '/v1/pair', body, { token: '' }, ({ id, code }) => {
    approved = approve(daemon, id, code, [])
  })
  await approved
  expect(reply.status).toBe(200)
  client.token = String(reply.body['client_token'])
  return client
}

describe('S8: a program that signs its requests', () => {
  let client: SigningClient
  beforeAll(async () => {
    client = await pairSigning('keyed')
  })

  it('S8: is answered on the socket and over HTTP, each request anew', async () => {
    for (const where of [socket, port, socket]) {
      expect((await client.call(where, '/v1/status', undefined)).status).toBe(200)
      expect((await client.call(where, '/v1/token', { account: 'ada', interaction: 'never' })).body).toMatchObject({
        error: 'consent_required',
      })
    }
  })

  it.each<readonly [string, () => Partial<Parts>]>([
    ['without a proof: the token alone is not enough', () => ({ proof: null })],
    ['with a proof by another key', () => ({ key: new SigningClient().key })],
    ['with a proof for another address', () => ({ signed: forThis({ address: addressOf(port) }) })],
    ['with a proof for another method', () => ({ signed: forThis({ method: 'POST' }) })],
    ['with a proof for another path', () => ({ signed: forThis({ target: '/v1/accounts' }) })],
    ['with a proof from an hour ago', () => ({ issued_at: Date.now() - 3_600_000 })],
    ['with a proof from the future', () => ({ issued_at: Date.now() + 3_600_000 })],
    ['with a proof that is none', () => ({ proof: 'Bearer x' })],
  ])('S8: is refused %s', async (_name, change) => {
    const reply = await client.call(socket, '/v1/status', undefined, change())
    expect(reply).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect(String(reply.body['error_description'])).toContain('signs its requests')
  })

  const forThis = (other: Partial<Parts['signed']>): Parts['signed'] => ({
    method: 'GET',
    target: '/v1/status',
    address: socket,
    ...other,
  })

  it('S8: is refused with a proof that was used, on this connection or another, here or there', async () => {
    const first = await client.call(socket, '/v1/status', undefined)
    expect(first.status).toBe(200)
    for (const where of [socket, port]) {
      const again = await client.call(where, '/v1/status', undefined, { proof: first.proof })
      expect(again.status).toBe(401)
    }
    const race = { issued_at: Date.now(), nonce: 'raceraceraceraceracerace' }
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => client.call(socket, '/v1/status', undefined, race)),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('S8: is refused with a proof for another token, and another program with this one’s', async () => {
    const plain = await pairProgram(daemon, 'plain')
    const other = await pairSigning('another')
    expect((await client.call(socket, '/v1/status', undefined, { token: other.token })).status).toBe(401)
    expect((await other.call(socket, '/v1/status', undefined, { token: client.token })).status).toBe(401)
    // Who has no key is served as ever, whatever it sends.
    expect((await client.call(socket, '/v1/status', undefined, { token: plain, proof: null })).status).toBe(200)
  })

  it('S8: cannot be paired by somebody who only knows its public key', async () => {
    const body = { name: 'keyed', kind: 'script', public_key: client.public_key }
    for (const change of [{ proof: null }, { key: new SigningClient().key }])
      expect(await client.call(socket, '/v1/pair', body, { token: '', ...change })).toMatchObject({
        status: 401,
        body: { error: 'invalid_client' },
      })
    expect(await requests()).toEqual([])
  })

  it('S8: a restart does not make an old proof new', async () => {
    const home = daemon.paths.home
    const used = await client.call(socket, '/v1/status', undefined)
    expect(used.status).toBe(200)
    await daemon.kill()
    daemon = await startDaemon({ home, args: ['--insecure-key-file', '--http', String(port)] })
    expect((await client.call(socket, '/v1/status', undefined, { proof: used.proof })).status).toBe(401)
    expect((await client.call(socket, '/v1/status', undefined)).status).toBe(200)
  })

  it('S8: whose key changes is a new program: said to the person, without the old one’s consents', async () => {
    const before = await client.call(socket, '/v1/requests', { account: 'ada', right: 'use' })
    expect(before).toMatchObject({ status: 200, body: { state: 'pending' } })
    await approve(daemon, String(before.body['id']), String(before.body['code']))
    const changed = new SigningClient()
    let asked: { readonly id: string; readonly code: string } | undefined
    const pairing = changed.call(
      socket,
      '/v1/pair',
      { name: 'keyed', kind: 'script', public_key: changed.public_key },
      { token: '' },
      (pending) => {
        asked = pending
      },
    )
    const { id, code } = await until(() => asked)
    expect((await requests()).find((one) => one.id === id)?.namesake).toBe('key-changed')
    const typed = await daemon.cli(['approve', id, '--code', code])
    expect(typed.code).toBe(0)
    changed.token = String((await pairing).body['client_token'])
    expect((await changed.call(socket, '/v1/accounts', undefined)).body['accounts']).toEqual([])
    expect((await client.call(socket, '/v1/accounts', undefined)).body['accounts']).toHaveLength(1)
  })
})

describe('Threat 15: somebody else on the recorded port', () => {
  it('Threat 15: learns nothing that opens the broker, from a program that signs to whoever listens', async () => {
    const client = await pairSigning('trusting')
    const squatter = createServer((request, response) => {
      captured.push(request.headers)
      response.writeHead(500).end('{}')
    })
    const captured: NodeJS.Dict<string | string[]>[] = []
    await new Promise<void>((listening) => squatter.listen(0, '127.0.0.1', listening))
    onTestFinished(() => void squatter.close())
    const trap = (squatter.address() as AddressInfo).port
    await client.call(trap, '/v1/status', undefined)
    const [stolen] = captured
    const proof = String(stolen?.['valetkey-proof'])
    const token = String(stolen?.['authorization']).replace('Bearer ', '')
    expect(token).toBe(client.token)
    for (const where of [socket, port])
      for (const change of [{ proof }, { proof: null }])
        expect((await client.call(where, '/v1/status', undefined, { token, ...change })).status).toBe(401)
  })
})

describe('Threat 16: what is planted where a key is to be written', () => {
  it('Threat 16: a link, dangling or not, a folder, a key that others can read are refused and left as they are', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vk-'))
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true })
    })
    const target = join(folder, 'target')
    const planted: readonly (readonly [string, (path: string) => void])[] = [
      [
        'dangling',
        (path) => {
          symlinkSync(target, path)
        },
      ],
      [
        'link',
        (path) => {
          writeFileSync(join(folder, 'theirs'), 'x')
          symlinkSync(join(folder, 'theirs'), path)
        },
      ],
      [
        'open',
        (path) => {
          writeFileSync(path, 'x')
          chmodSync(path, 0o644)
        },
      ],
      [
        'not-a-key',
        (path) => {
          writeFileSync(path, 'x', { mode: 0o600 })
        },
      ],
    ]
    for (const [name, plant] of planted) {
      const path = join(folder, name)
      plant(path)
      const { code, stdout } = await daemon.cli(['pair', name, '--key', path])
      expect({ name, code, stdout }).toEqual({ name, code: 2, stdout: '' })
    }
    expect((await daemon.cli(['pair', 'folder', '--key', folder])).code).toBe(2)
    expect(existsSync(target)).toBe(false)
    expect(readFileSync(join(folder, 'theirs'), 'utf8')).toBe('x')
    expect(await requests()).toEqual([])
  })
})
