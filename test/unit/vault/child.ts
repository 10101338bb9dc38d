/**
 * A process of ours, for tests that end one: `child.ts JOB HOME [words]`. It prints a line per step, so that whoever
 * started it knows what had happened when it was ended.
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { GenerationConflict, StorageFault } from '../../../main/broker/ports.ts'
import { homePaths } from '../../../main/contract/home.ts'
import { systemClock, systemRandomness } from '../../../main/daemon/clock.ts'
import { bootName } from '../../../main/vault/boot.ts'
import { takeOwnership } from '../../../main/vault/owner-lock.ts'
import { keyFileSlot } from '../../../main/vault/slots/key-file.ts'
import { osKeyringSlot } from '../../../main/vault/slots/os-keyring.ts'
import type { KeySlot } from '../../../main/vault/slots/slot.ts'
import { openVault, type SqliteVault } from '../../../main/vault/vault.ts'
import { account, material, offer } from './material.ts'

const [job, home = '', ...words] = process.argv.slice(2)
const paths = homePaths({ VALETKEY_HOME: home }, process.platform)
const say = (line: string): number => writeSync(1, `${line}\n`)

const open = (slots: readonly KeySlot[]): Promise<SqliteVault> =>
  openVault({
    paths,
    slots,
    clock: systemClock,
    randomness: systemRandomness,
    log: () => undefined,
    boot: bootName(process.platform),
  })
const openByFile = (): Promise<SqliteVault> => open([keyFileSlot(join(home, 'vault.key'))])

/** Keeps the process alive until it is ended. */
const wait = (): NodeJS.Timeout => setInterval(() => undefined, 60_000)

const jobs: Readonly<Record<string, () => Promise<void> | void>> = {
  /** Takes the lock at HOME (a path) and holds it. */
  own() {
    const ownership = takeOwnership(home)
    say(ownership ? 'owner' : 'not owner')
    if (ownership) wait()
  },

  /** Refreshes one account without end, saying what was committed, and what the vault offers when the disk failed. */
  async refresh() {
    const vault = await openByFile()
    let generation = (await offer(vault, 'a'))?.generation ?? 0
    const stubbornly = async <T>(work: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await work()
        } catch (thrown) {
          if (!(thrown instanceof StorageFault)) throw thrown
          say(`fault ${thrown.message} offers ${JSON.stringify(await offer(vault, 'a'))}`)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    }
    for (;;) {
      await stubbornly(() => vault.beginRefresh('a', generation))
      const stored = await stubbornly(() =>
        vault.commitRefresh('a', generation, material(`rt-${String(generation + 1)}`)),
      )
      generation = stored.generation
      say(`stored ${String(generation)}`)
      if (generation % 7 === 0) await vault.saveAccount(account('a', { last_used_at: generation }), { lazy: true })
    }
  },

  /** Links accounts with much material until the disk takes no more, then says what the vault still offers. */
  async fill() {
    const vault = await openByFile()
    try {
      for (let n = 0; ; n++) {
        await vault.link(account(`b${String(n)}`), material('x'.repeat(20_000)))
        say(`linked ${String(n)}`)
      }
    } catch (thrown) {
      say(thrown instanceof StorageFault ? `fault ${thrown.message}` : `unexpected ${String(thrown)}`)
    }
    try {
      await vault.commitRefresh('a', 1, material('y'.repeat(2_000_000)))
      say('unexpected commit')
    } catch (thrown) {
      say(thrown instanceof StorageFault ? `fault ${thrown.message}` : `unexpected ${String(thrown)}`)
    }
    say(`offers ${JSON.stringify(await offer(vault, 'a'))}`)
    if (words[0] !== undefined) {
      process.once('SIGUSR2', () => {
        void vault.commitRefresh('a', 1, material('rt-2')).then(
          () => {
            say('saved after all')
            vault.close()
            process.exit(0)
          },
          (thrown: unknown) => say(thrown instanceof GenerationConflict ? 'conflict' : 'still full'),
        )
      })
      say('waiting')
      wait()
    } else vault.close()
  },

  /** Opens the vault and says its state, notice and what it offers. */
  async look() {
    const vault = await openByFile()
    say(JSON.stringify({ state: vault.state(), notice: vault.notice(), offer: await offer(vault, 'a') }))
    try {
      await vault.beginRefresh('a', 1)
      say('written')
    } catch (thrown) {
      say(thrown instanceof StorageFault ? `fault ${thrown.message}` : `unexpected ${String(thrown)}`)
    }
    vault.close()
  },

  /** Opens a vault that is protected by the keyring, links `words[0]` if it is given, and says what it finds. */
  async keyring() {
    const started = Date.now()
    const vault = await open([osKeyringSlot('app.valetkey.test')])
    const [link] = words
    if (link !== undefined && vault.state() === 'unlocked') await vault.link(account('a'), material(link))
    const found = vault.state() === 'unlocked' ? await offer(vault, 'a') : null
    const { length } = await vault.accounts()
    say(
      JSON.stringify({
        state: vault.state(),
        protection: vault.protection(),
        notice: vault.notice(),
        offer: found,
        accounts: length,
        took: Date.now() - started,
      }),
    )
    vault.close()
  },
}

await (job === undefined ? undefined : jobs[job])?.()
