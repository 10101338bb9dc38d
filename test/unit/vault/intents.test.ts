/**
 * R4 across a power cut: what is on the disk names every refresh that may have been sent. A cut is modelled by the files as
 * they were when SQLite last synchronised them, copied to another home and opened in another run of the system: the worst
 * that fsync(2) allows to be lost.
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { bootName } from '../../../main/vault/boot.ts'
import { account, material } from './material.ts'
import { createHome, type Home } from './rig.ts'

const FIRST = 'first run of the system'
const SECOND = 'second run of the system'

/** The vault's files and its key as they are now, in a home of their own. */
function copied(home: Home): Home {
  const copy = createHome()
  mkdirSync(copy.paths.home, { mode: 0o700 })
  for (const end of ['', '-wal']) {
    const from = `${home.paths.vault}${end}`
    if (existsSync(from)) copyFileSync(from, `${copy.paths.vault}${end}`)
  }
  copyFileSync(home.keyFile, copy.keyFile)
  return copy
}

async function linked(...ids: readonly string[]) {
  const home = createHome()
  const vault = await home.open({ boot: FIRST })
  for (const id of ids) await vault.link(account(id), material(`rt-${id}-1`))
  return { home, vault }
}

const names = async (home: Home, boot: string | undefined): Promise<readonly string[]> =>
  (await (await home.open({ boot })).intents()).map(({ account_id }) => account_id)

describe('a power cut', () => {
  it('finds the first refresh of an account in the file', async () => {
    const { home, vault } = await linked('a', 'b')
    await vault.beginRefresh('a', 1)
    expect(await names(copied(home), SECOND)).toEqual(['a'])
  })

  it('finds a later one although its mark is lost, by the intent that rested', async () => {
    const { home, vault } = await linked('a', 'b')
    await vault.beginRefresh('a', 1)
    await vault.commitRefresh('a', 1, material('rt-a-2'))
    const synchronised = copied(home)
    await vault.beginRefresh('a', 2)
    const after = await synchronised.open({ boot: SECOND })
    expect(await after.intents()).toMatchObject([{ account_id: 'a', generation: 2 }])
    expect((await after.grant('a'))?.material.refresh_token?.reveal()).toBe('rt-a-2')
  })

  it('finds it after a refresh that brought nothing, too', async () => {
    const { home, vault } = await linked('a')
    await vault.beginRefresh('a', 1)
    await vault.endRefresh('a')
    expect(await vault.intents()).toEqual([])
    const synchronised = copied(home)
    await vault.beginRefresh('a', 1)
    expect(await names(synchronised, SECOND)).toEqual(['a'])
  })

  it('is over for an account once it was tried, and for one that signed in again, was refused or is gone', async () => {
    const { home, vault } = await linked('a', 'b', 'c', 'd')
    for (const id of ['a', 'b', 'c', 'd']) {
      await vault.beginRefresh(id, 1)
      await vault.commitRefresh(id, 1, material(`rt-${id}-2`))
    }
    const after = await copied(home).open({ boot: SECOND })
    expect(await after.intents()).toHaveLength(4)
    await after.beginRefresh('a', 2)
    await after.commitRefresh('a', 2, material('rt-a-3'))
    await after.link(account('b'), material('rt-b-3'))
    await after.quarantine(account('c', { standing: 'needs-sign-in' }), 2)
    await after.unlink('d')
    expect(await after.intents()).toEqual([])
  })

  it('covers an account again that was linked anew', async () => {
    const { home, vault } = await linked('a')
    await vault.beginRefresh('a', 1)
    await vault.link(account('a'), material('rt-a-2'))
    await vault.beginRefresh('a', 2)
    // Synchronised before it is sent: there was nothing that rested.
    expect(await names(copied(home), SECOND)).toEqual(['a'])
  })
})

describe('a process that ends', () => {
  it('leaves what was under way and nothing that rests, while the system stays up', async () => {
    const { home, vault } = await linked('a', 'b')
    for (const id of ['a', 'b']) {
      await vault.beginRefresh(id, 1)
      await vault.commitRefresh(id, 1, material(`rt-${id}-2`))
    }
    await vault.beginRefresh('b', 2)
    // As after SIGKILL: the system has what was committed.
    expect(await names(copied(home), FIRST)).toEqual(['b'])
  })

  it('leaves nothing that rests when it closes the vault, whatever becomes of the system', async () => {
    const { home, vault } = await linked('a')
    await vault.beginRefresh('a', 1)
    await vault.commitRefresh('a', 1, material('rt-a-2'))
    vault.close()
    const db = new DatabaseSync(home.paths.vault)
    expect(db.prepare('SELECT * FROM intents').all()).toEqual([])
    db.close()
    expect(await names(home, SECOND)).toEqual([])
  })
})

it('a run that refreshed nothing leaves none of the run before it', async () => {
  const { home, vault } = await linked('a')
  await vault.beginRefresh('a', 1)
  await vault.commitRefresh('a', 1, material('rt-a-2'))
  const after = copied(home)
  const next = await after.open({ boot: FIRST })
  next.close()
  expect(await names(after, SECOND)).toEqual([])
})

describe('a system whose runs have no name', () => {
  it('has every intent synchronised, and none rests', async () => {
    const home = createHome()
    const vault = await home.open({ boot: undefined })
    await vault.link(account('a'), material('rt-1'))
    await vault.beginRefresh('a', 1)
    await vault.commitRefresh('a', 1, material('rt-2'))
    expect(await names(copied(home), undefined)).toEqual([])
    await vault.beginRefresh('a', 2)
    expect(await names(copied(home), undefined)).toEqual(['a'])
  })
})

it('a run of Linux has a name that stays, and other systems are not believed to have one', () => {
  expect(bootName('win32')).toBeUndefined()
  expect(bootName('darwin')).toBeUndefined()
  if (process.platform !== 'linux') return
  expect(bootName('linux')).toMatch(/^[0-9a-f-]{36}$/u)
  expect(bootName('linux')).toBe(bootName('linux'))
})
