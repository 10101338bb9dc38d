/** Vaults with something in them, closed, for tests that damage their files. */
import { DatabaseSync } from 'node:sqlite'
import { account, material } from './material.ts'
import { createHome, type Home } from './rig.ts'

/** A closed vault with account `a` at generation 3 (rt-3, before it rt-2) and a backup made at generation 1 (rt-1). */
export async function plantVault(home: Home = createHome(), backup = true): Promise<Home> {
  const vault = await home.open()
  await vault.link(account('a'), material('rt-1'))
  await vault.link(account('b'), material('rt-b'))
  if (backup) await vault.tend()
  await vault.commitRefresh('a', 1, material('rt-2'))
  await vault.commitRefresh('a', 2, material('rt-3'))
  vault.close()
  return home
}

/** Runs SQL on a vault that is closed. */
export function edit(home: Home, sql: string): void {
  const db = new DatabaseSync(home.paths.vault)
  db.exec(sql)
  db.close()
}

/** A closed vault with account `a` at generation 1. */
export async function plantSmall(home: Home): Promise<Home> {
  const vault = await home.open()
  await vault.link(account('a'), material('rt-1'))
  vault.close()
  return home
}

/** The generation a child last said was stored; 0 when it said none. */
export function lastStored(output: string): number {
  return Math.max(0, ...[...output.matchAll(/^stored (\d+)$/gmu)].map(([, n]) => Number(n)))
}
