/**
 * The command on a Node that is too old: a copy of this one in another place, with `process.versions` replaced before the
 * program is loaded, which is all the program looks at. That it also parses there is what its build target is for.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanEnvironment, collect, type CommandResult } from '../setup/daemon.ts'
import { startStandIn, type StandIn, tokenAnswer } from '../unit/cli/stand-in-broker.ts'

const dist = join(import.meta.dirname, '..', '..', 'dist')
let broker: StandIn
let folder: string
let oldNode: string
beforeAll(async () => {
  broker = await startStandIn()
  broker.routes.set('token', () => ({ value: tokenAnswer() }))
  folder = mkdtempSync(join(tmpdir(), 'vk-node-'))
  oldNode = join(folder, 'node')
  copyFileSync(process.execPath, oldNode)
  writeFileSync(
    join(folder, 'old.cjs'),
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })",
  )
  for (const name of readdirSync(dist))
    if (/^cli.*\.cjs$/u.test(name)) copyFileSync(join(dist, name), join(folder, name))
})
afterAll(async () => {
  await broker.close()
  rmSync(folder, { recursive: true })
})

const start = (program: string, args: readonly string[]): ReturnType<typeof spawn> =>
  spawn(oldNode, ['--require', join(folder, 'old.cjs'), program, ...args], {
    env: cleanEnvironment(broker.home),
  })
const run = (program: string, ...args: readonly string[]): Promise<CommandResult> => collect(start(program, args))

describe('on an old Node', () => {
  it('runs on the Node that is installed beside it, with the same output and status', async () => {
    expect(await run(join(dist, 'cli.cjs'), 'token', 'ada')).toEqual({ code: 0, stdout: 'at-0123456789\n', stderr: '' })
    expect(await run(join(dist, 'cli.cjs'), 'token')).toMatchObject({ code: 2, stdout: '' })
  })

  it('hands signals on and ends by the same', async () => {
    const reached = new Promise<void>((resolve) => {
      broker.routes.set('token', () => {
        resolve()
        return new Promise(() => undefined)
      })
    })
    const child = start(join(dist, 'cli.cjs'), ['token', 'ada'])
    const ended = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        resolve({ code, signal })
      }),
    )
    await reached
    child.kill('SIGTERM')
    expect(await ended).toEqual({ code: null, signal: 'SIGTERM' })
  })

  it('says what to do where there is none', async () => {
    const { code, stdout, stderr } = await run(join(folder, 'cli.cjs'), 'token', 'ada')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('needs Node 24 or newer and runs on 20.20.2')
    expect(stderr).toMatch(/^run: npm install/mu)
  })
})
