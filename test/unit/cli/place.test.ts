/** Where the command line looks for the broker and for its own token. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askingAddress, clientToken } from '../../../main/cli/place.ts'

describe('the address', () => {
  it.each([
    [{ VALETKEY_HOME: '/h' }, { kind: 'socket', path: '/h/run/broker.sock' }],
    [
      { VALETKEY_HOME: '/h', VALETKEY_SOCK: '/s', VALETKEY_URL: 'http://127.0.0.1:1' },
      { kind: 'socket', path: '/s' },
    ],
    [{ VALETKEY_SOCK: '/s' }, { kind: 'socket', path: '/s' }],
    [
      { VALETKEY_SOCK: '', VALETKEY_URL: '', VALETKEY_HOME: '/h' },
      { kind: 'socket', path: '/h/run/broker.sock' },
    ],
    [
      { VALETKEY_URL: 'http://127.0.0.1:8123/' },
      { kind: 'tcp', host: '127.0.0.1', port: 8123, name: '127.0.0.1:8123' },
    ],
  ])('of %j', (env, expected) => {
    expect(askingAddress(env)).toEqual(expected)
  })

  it.each([
    'http://example.com:80',
    'http://127.0.0.1.example.com:80',
    'http://127.0.0.1@example.com:80',
    'https://127.0.0.1:80',
    'http://127.0.0.1',
    'http://127.0.0.1:0',
    'http://127.0.0.1:65536',
    'http://127.0.0.1:80/x',
    'http://localhost:80',
    'http://[::1]:80',
  ])('is never %s', (url) => {
    expect(() => askingAddress({ VALETKEY_URL: url })).toThrow('VALETKEY_URL must be')
  })

  it('is an absolute path', () => {
    expect(() => askingAddress({ VALETKEY_SOCK: 'run/broker.sock' })).toThrow('absolute')
  })
})

describe('the client token', () => {
  let home: string
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'vk-place-'))
  })
  afterEach(() => {
    rmSync(home, { recursive: true })
  })

  it('is the environment’s, else the command line’s own', () => {
    writeFileSync(join(home, 'cli.token'), 'own-token\n', { mode: 0o600 })
    expect(clientToken({ VALETKEY_HOME: home })).toBe('own-token')
    expect(clientToken({ VALETKEY_HOME: home, VALETKEY_CLIENT_TOKEN: 'other' })).toBe('other')
  })

  it('is missed with where it should be', () => {
    expect(() => clientToken({ VALETKEY_HOME: home })).toThrow(join(home, 'cli.token'))
  })

  it.each(['two words', 'a\r\nX-Evil: 1', 'ä', ' ', 'x'.repeat(513)])('never gets into a header as %j', (token) => {
    expect(() => clientToken({ VALETKEY_HOME: home, VALETKEY_CLIENT_TOKEN: token })).toThrow(
      'does not hold a client token',
    )
  })

  it('is not taken from a file that others can read', () => {
    writeFileSync(join(home, 'cli.token'), 'own-token\n')
    chmodSync(join(home, 'cli.token'), 0o604)
    expect(() => clientToken({ VALETKEY_HOME: home })).toThrow('open to other users')
  })
})
