/** The key slots that need no desktop: passphrase and key file. */
import { chmodSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../main/broker/secret.ts'
import { systemClock } from '../../../main/daemon/clock.ts'
import { keyFileSlot } from '../../../main/vault/slots/key-file.ts'
import { passphraseSlot } from '../../../main/vault/slots/passphrase.ts'
import type { KeySlot } from '../../../main/vault/slots/slot.ts'
import { ManualClock } from '../../fakes/broker-ports.ts'
import { account, material, offer } from './material.ts'
import { contents, createHome, QUICK_SCRYPT, temporaryFolder } from './rig.ts'

const key = randomBytes(32)
const context = (passphrase?: string, vault_id = 'v'): Parameters<ReturnType<typeof keyFileSlot>['wrap']>[1] => ({
  vault_id,
  passphrase: passphrase === undefined ? undefined : new Secret(passphrase),
  patience: 1000,
})

describe('the passphrase slot', () => {
  const slot = passphraseSlot(systemClock, QUICK_SCRYPT)

  it('opens with its passphrase, however it was typed', async () => {
    const wrapped = await slot.wrap(key, context('Zürich 12345'))
    // The same characters, decomposed.
    expect(Buffer.from(await slot.unwrap(wrapped, context('Zu\u0308rich 12345')))).toEqual(key)
  })

  it('records its parameters, and does not open when they are changed', async () => {
    const wrapped = await slot.wrap(key, context('correct horse'))
    const stored = JSON.parse(Buffer.from(wrapped).toString()) as Record<string, unknown>
    expect(stored).toMatchObject(QUICK_SCRYPT)
    const changed = Buffer.from(JSON.stringify({ ...stored, r: 4 }))
    await expect(slot.unwrap(changed, context('correct horse'))).rejects.toMatchObject({ problem: 'denied' })
    const greedy = Buffer.from(JSON.stringify({ ...stored, N: 2 ** 40 }))
    await expect(slot.unwrap(greedy, context('correct horse'))).rejects.toMatchObject({ problem: 'lost' })
  })

  it('is of one vault only', async () => {
    const wrapped = await slot.wrap(key, context('correct horse', 'one'))
    await expect(slot.unwrap(wrapped, context('correct horse', 'two'))).rejects.toMatchObject({ problem: 'denied' })
  })

  it('takes no short one', async () => {
    await expect(slot.wrap(key, context('short'))).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('answers wrong guesses later each time, one at a time, and starts over after the right one', async () => {
    const clock = new ManualClock()
    const guarded = passphraseSlot(clock, QUICK_SCRYPT)
    const wrapped = await guarded.wrap(key, context('correct horse'))
    const guess = (words: string): Promise<string> =>
      guarded.unwrap(wrapped, context(words)).then(
        () => 'open',
        () => 'denied',
      )
    const waits: number[] = []
    const answers = Promise.all([guess('wrong one'), guess('wrong two'), guess('correct horse'), guess('wrong again')])
    for (const _ of [1, 2, 3]) {
      while (clock.waiting.length === 0) await new Promise(setImmediate)
      waits.push(...clock.waiting)
      await clock.pass(clock.waiting[0] ?? 0)
    }
    expect(waits).toEqual([100, 200, 100])
    expect(await answers).toEqual(['denied', 'denied', 'open', 'denied'])
  })
})

describe('a vault with a passphrase', () => {
  it('is locked until it is given, changes nothing for a wrong one, and opens with the right one', async () => {
    const home = createHome()
    const slots = [passphraseSlot(systemClock, QUICK_SCRYPT)]
    const first = await home.open({ slots })
    expect(first.state()).toBe('locked')
    expect(first.notice()).toMatch(/choose one/u)
    await first.unlock(new Secret('correct horse'))
    expect([first.state(), first.protection()]).toEqual(['unlocked', 'passphrase'])
    await first.link(account('a'), material('rt-1'))
    first.close()
    const second = await home.open({ slots })
    expect(second.state()).toBe('locked')
    const before = contents(home.paths.home)
    await expect(second.unlock(new Secret('wrong horse'))).rejects.toMatchObject({ code: 'access_denied' })
    await expect(second.unlock()).rejects.toMatchObject({ code: 'locked', resolve: { command: 'valetkey unlock' } })
    expect(contents(home.paths.home)).toEqual(before)
    expect(second.state()).toBe('locked')
    await second.unlock(new Secret('correct horse'))
    expect(await offer(second, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
  })
})

describe('a slot that wraps its key afresh', () => {
  it('is recorded with what it made', async () => {
    const home = createHome()
    const inner = keyFileSlot(home.keyFile)
    const asked: string[] = []
    const turning: KeySlot = {
      ...inner,
      async unwrap(wrapped, given) {
        asked.push(Buffer.from(wrapped).toString('hex'))
        const opened = await inner.unwrap(wrapped, given)
        given.renew?.(await inner.wrap(opened, given))
        return opened
      },
    }
    for (const _start of [1, 2, 3]) (await home.open({ slots: [turning] })).close()
    expect(new Set(asked).size).toBe(2)
    expect((await home.open()).state()).toBe('unlocked')
  })
})

describe('the key-file slot', () => {
  it('makes a file of its owner only, once', async () => {
    const path = join(temporaryFolder(), 'key')
    const slot = keyFileSlot(path)
    const wrapped = await slot.wrap(key, context())
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const bytes = readFileSync(path)
    await slot.wrap(key, context())
    expect(readFileSync(path)).toEqual(bytes)
    expect(Buffer.from(await slot.unwrap(wrapped, context()))).toEqual(key)
  })

  it('says which of gone, another, damaged, readable by others and linked is the matter', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'key')
    const slot = keyFileSlot(path)
    const wrapped = await slot.wrap(key, context())
    const problem = (): Promise<unknown> => slot.unwrap(wrapped, context()).catch((thrown: unknown) => thrown)
    chmodSync(path, 0o644)
    expect(await problem()).toMatchObject({ problem: 'denied', resolve: { command: `chmod 600 '${path}'` } })
    chmodSync(path, 0o600)
    renameSync(path, join(folder, 'elsewhere'))
    expect(await problem()).toMatchObject({ problem: 'lost', message: expect.stringContaining('gone') as string })
    symlinkSync(join(folder, 'elsewhere'), path)
    expect(await problem()).toMatchObject({ problem: 'unavailable' })
    renameSync(join(folder, 'elsewhere'), path)
    expect(Buffer.from(await slot.unwrap(wrapped, context()))).toEqual(key)
    writeFileSync(path, `${randomBytes(32).toString('base64url')}\n`)
    expect(await problem()).toMatchObject({
      problem: 'lost',
      message: expect.stringContaining('not the one') as string,
    })
    writeFileSync(path, 'short')
    expect(await problem()).toMatchObject({ problem: 'lost', message: expect.stringContaining('damaged') as string })
  })
})
