/** When a socket can only be ours, and which files are believed. Real files where the machine can make them. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readEndpointFile } from '../../../main/cli/endpoint-file.ts'
import { inspectSocket, judgeSocket, readPrivateFile } from '../../../main/cli/trust.ts'
import { homePaths } from '../../../main/contract/home.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vk-trust-'))
  chmodSync(folder, 0o700)
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

async function withSocket<T>(path: string, look: () => T): Promise<T> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(path, resolve)
  })
  try {
    return look()
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

describe('a socket', () => {
  it('is ours in a folder of ours alone', async () => {
    const path = join(folder, 's')
    expect(inspectSocket(path)).toEqual({ kind: 'absent' })
    await withSocket(path, () => {
      expect(inspectSocket(path)).toEqual({ kind: 'ours' })
    })
  })

  it.each([0o755, 0o710, 0o701, 0o777])('is doubtful in a folder of mode %o', async (mode) => {
    const path = join(folder, 's')
    await withSocket(path, () => {
      chmodSync(folder, mode)
      expect(inspectSocket(path)).toMatchObject({ kind: 'doubtful', mend: `chmod 700 ${folder}` })
    })
  })

  it('is doubtful behind a link, and when it is no socket', async () => {
    const real = join(folder, 'real')
    mkdirSync(real, { mode: 0o700 })
    symlinkSync(real, join(folder, 'run'))
    symlinkSync(join(real, 's'), join(real, 'link'))
    writeFileSync(join(real, 'file'), '')
    await withSocket(join(real, 's'), () => {
      expect(inspectSocket(join(folder, 'run', 's'))).toMatchObject({ kind: 'doubtful' })
      expect(inspectSocket(join(real, 'link'))).toMatchObject({ kind: 'doubtful' })
      expect(inspectSocket(join(real, 'file'))).toMatchObject({ kind: 'doubtful' })
    })
  })

  it('is doubtful when it or its folder belongs to somebody else', () => {
    const dir = { isDirectory: () => true, isSocket: () => false, uid: 7, mode: 0o40700 }
    const socket = { isDirectory: () => false, isSocket: () => true, uid: 7, mode: 0o140600 }
    expect(judgeSocket('/x/s', dir, socket, 7)).toEqual({ kind: 'ours' })
    expect(judgeSocket('/x/s', dir, socket, 8)).toMatchObject({ kind: 'doubtful', why: '/x belongs to another user' })
    expect(judgeSocket('/x/s', dir, { ...socket, uid: 8 }, 7)).toMatchObject({ kind: 'doubtful' })
  })
})

describe('a private file', () => {
  const path = (): string => join(folder, 'file')

  it('is read when it is ours alone', () => {
    expect(readPrivateFile(path())).toBeNull()
    writeFileSync(path(), 'text', { mode: 0o600 })
    expect(readPrivateFile(path())).toBe('text')
  })

  it('is refused when others may read it, with what to do', () => {
    writeFileSync(path(), 'text', { mode: 0o600 })
    chmodSync(path(), 0o640)
    expect(() => readPrivateFile(path())).toThrow(
      expect.objectContaining({ resolve: { command: `chmod 600 ${path()}` } }),
    )
  })

  it('is refused when it is a link or a folder', () => {
    writeFileSync(path(), 'text', { mode: 0o600 })
    symlinkSync(path(), join(folder, 'link'))
    mkdirSync(join(folder, 'dir'), { mode: 0o700 })
    expect(() => readPrivateFile(join(folder, 'link'))).toThrow('Cannot read')
    expect(() => readPrivateFile(join(folder, 'dir'))).toThrow('is not a file')
  })
})

describe('endpoint.json', () => {
  const paths = (): ReturnType<typeof homePaths> => homePaths({ VALETKEY_HOME: folder }, process.platform)
  const valid = {
    version: '1',
    host: 'daemon',
    pid: 1,
    started_at: 1,
    socket: '/s',
    control: '/c',
    public_key: 'A'.repeat(43),
  }

  it('is believed from a folder of ours alone', () => {
    expect(readEndpointFile(paths())).toBeNull()
    mkdirSync(paths().run, { mode: 0o700 })
    expect(readEndpointFile(paths())).toBeNull()
    writeFileSync(paths().endpointFile, JSON.stringify(valid), { mode: 0o600 })
    expect(readEndpointFile(paths())).toEqual(valid)
  })

  it('is not believed from an open folder, when it is open itself, or when it is damaged', () => {
    mkdirSync(paths().run, { mode: 0o700 })
    writeFileSync(paths().endpointFile, '{', { mode: 0o600 })
    expect(() => readEndpointFile(paths())).toThrow('damaged')
    writeFileSync(paths().endpointFile, JSON.stringify(valid))
    chmodSync(paths().endpointFile, 0o644)
    expect(() => readEndpointFile(paths())).toThrow('open to other users')
    chmodSync(paths().endpointFile, 0o600)
    chmodSync(paths().run, 0o755)
    expect(() => readEndpointFile(paths())).toThrow('not a folder of yours alone')
  })
})
