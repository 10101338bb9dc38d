/** The identity file: made once, private, never replaced in silence. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { chmodSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { BrokerError } from '../../../main/contract/errors.ts'
import { answerHello, verifyHello } from '../../../main/endpoint/hello.ts'
import { loadIdentity } from '../../../main/endpoint/identity.ts'
import { freshHome } from './wire.ts'

describe('loadIdentity', () => {
  it('makes a PKCS #8 Ed25519 key, 0600, and finds the same again', () => {
    const { identity: path, home } = freshHome()
    const first = loadIdentity(path)
    const pem = readFileSync(path, 'utf8')
    expect(createPrivateKey(pem).asymmetricKeyType).toBe('ed25519')
    expect(lstatSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(home)).toEqual(['identity.pem'])
    expect(first.public_key).toMatch(/^[\w-]{43}$/u)
    expect(loadIdentity(path).public_key).toBe(first.public_key)
    expect(readFileSync(path, 'utf8')).toBe(pem)
    const nonce = 'n'.repeat(43)
    const expected = { nonce, address: '/a', public_key: first.public_key }
    expect(verifyHello(answerHello(loadIdentity(path), nonce, '/a'), expected)).toBe(true)
  })

  it('refuses a damaged file, another kind of key, a link, a FIFO and an open mode, and leaves them', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
    for (const content of ['', 'garbage', rsa.toString()]) {
      const { identity: path } = freshHome()
      writeFileSync(path, content, { mode: 0o600 })
      expect(() => loadIdentity(path)).toThrow(/does not hold an Ed25519 key/u)
      expect(readFileSync(path, 'utf8')).toBe(content)
    }
    const { identity: target } = freshHome()
    loadIdentity(target)
    const { identity: linked } = freshHome()
    symlinkSync(target, linked)
    expect(() => loadIdentity(linked)).toThrow(/ELOOP/u)
    chmodSync(target, 0o640)
    expect(() => loadIdentity(target)).toThrow(/chmod 600/u)
    const { identity: fifo } = freshHome()
    execFileSync('mkfifo', ['-m', '600', fifo])
    expect(() => loadIdentity(fifo)).toThrow(/is not a file/u)
  })

  it('does not quote a key it cannot read', () => {
    const { identity: path } = freshHome()
    writeFileSync(path, '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n', { mode: 0o600 })
    const thrown = (() => {
      try {
        return loadIdentity(path)
      } catch (error) {
        return error
      }
    })()
    expect(thrown).toBeInstanceOf(BrokerError)
    expect(inspect(thrown, { depth: 9 })).not.toMatch(/c2VjcmV0|secret/u)
  })
})
