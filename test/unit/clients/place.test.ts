/** What clients/js may not import from the contract (types only) and therefore has to say again, compared with it. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createChallenge } from '../../../clients/js/identity.ts'
import { findBroker, homeFolder } from '../../../clients/js/place.ts'
import { clientCalls, clientRoutes, helloMessage } from '../../../main/contract/client-api.ts'
import { homePaths } from '../../../main/contract/home.ts'

const environments = [
  { HOME: '/home/ada' },
  { HOME: '/home/ada', XDG_DATA_HOME: '/data' },
  { HOME: '/home/ada', XDG_DATA_HOME: 'relative' },
  { VALETKEY_HOME: '/elsewhere', HOME: '/home/ada' },
]

describe('the home folder', () => {
  it.each(environments)('of %j is the contract’s', (env) => {
    for (const platform of ['linux', 'darwin']) expect(homeFolder(env, platform)).toBe(homePaths(env, platform).home)
  })

  it('on Windows too', () => {
    const env = { LOCALAPPDATA: 'C:\\Users\\ada\\AppData\\Local' }
    expect(homeFolder(env, 'win32')).toBe(homePaths(env, 'win32').home)
  })

  it('is missed where none can be told', () => {
    expect(() => homeFolder({}, 'linux')).toThrow('VALETKEY_HOME')
  })
})

describe('the broker', () => {
  it.each(environments)('of %j is at the contract’s socket', (env) => {
    expect(findBroker({}, env, 'linux')).toEqual({ kind: 'socket', path: homePaths(env, 'linux').socket })
  })

  it('is what the caller says, then what the environment says', () => {
    const env = { HOME: '/h', VALETKEY_SOCK: '/env.sock', VALETKEY_URL: 'http://127.0.0.1:1' }
    expect(findBroker({ socket: '/own.sock' }, env, 'linux')).toEqual({ kind: 'socket', path: '/own.sock' })
    expect(findBroker({ url: 'http://127.0.0.1:2' }, env, 'linux')).toMatchObject({ kind: 'tcp', port: 2 })
    expect(findBroker({ home: '/own' }, env, 'linux')).toEqual({ kind: 'socket', path: '/own/run/broker.sock' })
    expect(findBroker({}, env, 'linux')).toEqual({ kind: 'socket', path: '/env.sock' })
    expect(findBroker({}, { HOME: '/h', VALETKEY_URL: 'http://127.0.0.1:1' }, 'linux')).toMatchObject({
      kind: 'tcp',
      port: 1,
    })
  })
})

describe('the challenge', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const key = publicKey.export({ format: 'jwk' }).x ?? ''
  const answer = (nonce: string, address: string): string =>
    JSON.stringify({
      public_key: key,
      signature: sign(null, Buffer.from(helloMessage(nonce, address)), privateKey).toString('base64url'),
    })
  const nonceOf = (target: string): string => new URL(target, 'http://x').searchParams.get('nonce') ?? ''

  it('is the contract’s hello, new each time', () => {
    const one = createChallenge('/s', key)
    const two = createChallenge('/s', key)
    expect(new URL(one.target, 'http://x').pathname).toBe(clientRoutes.hello.path)
    expect(clientCalls.hello({ nonce: nonceOf(one.target) }, '')).toEqual({ nonce: nonceOf(one.target) })
    expect(nonceOf(one.target)).not.toBe(nonceOf(two.target))
  })

  it('is met by the key’s holder, for this nonce at this address only', async () => {
    const challenge = createChallenge('/s', key)
    const nonce = nonceOf(challenge.target)
    expect(await challenge.isProof(answer(nonce, '/s'))).toBe(true)
    expect(await challenge.isProof(answer(nonce, '/elsewhere'))).toBe(false)
    expect(await challenge.isProof(answer('A'.repeat(43), '/s'))).toBe(false)
    expect(await challenge.isProof(answer(nonce, '/s').replace('"signature":"', '"signature":"A'))).toBe(false)
    expect(await createChallenge('/s', 'A'.repeat(43)).isProof(answer(nonce, '/s'))).toBe(false)
    for (const body of ['', '{}', 'null', '[]', '{"public_key":1}', `{"public_key":"${key}","signature":"x"}`])
      expect(await challenge.isProof(body)).toBe(false)
  })
})
