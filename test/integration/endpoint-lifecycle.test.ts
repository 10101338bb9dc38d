/** How the endpoint comes and goes: what it writes, what it says of itself, what it leaves. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseEndpointFile } from '../../main/contract/home.ts'
import { startEndpoint } from '../../main/endpoint/server.ts'
import { post, setStage, start, until } from '../unit/endpoint/wire.ts'

const read = (path: string): ReturnType<typeof parseEndpointFile> =>
  parseEndpointFile(JSON.parse(readFileSync(path, 'utf8')), '')

describe('startEndpoint', () => {
  it('writes endpoint.json as the contract has it, with and without HTTP, and removes everything on close', async () => {
    for (const http of [undefined, false, 0] as const) {
      const { options, paths, identity } = setStage(http === undefined ? {} : { http })
      const endpoint = await startEndpoint(options)
      const { started_at, ...file } = read(paths.endpointFile)
      expect(Math.abs(started_at - Date.now() / 1000)).toBeLessThan(60)
      expect(file).toEqual({
        version: '0.0.0',
        host: 'daemon',
        pid: process.pid,
        socket: paths.socket,
        control: paths.control,
        ...(http === 0 && { url: endpoint.http_url }),
        public_key: identity.public_key,
      })
      expect(readdirSync(paths.run).toSorted()).toEqual(['broker.sock', 'control.sock', 'endpoint.json'])
      await endpoint.close()
      await endpoint.close()
      expect(readdirSync(paths.run)).toEqual([])
    }
  })

  it('leaves an endpoint.json that is not its own', async () => {
    const { options, paths } = setStage()
    const endpoint = await startEndpoint(options)
    writeFileSync(paths.endpointFile, '{"somebody":"else"}')
    await endpoint.close()
    expect(readFileSync(paths.endpointFile, 'utf8')).toBe('{"somebody":"else"}')
  })

  it('takes a given port, and leaves nothing behind when it is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      other.close()
    })
    const place = other.address()
    const http = typeof place === 'object' && place ? place.port : 0
    const { options, paths } = setStage({ http })
    await expect(startEndpoint(options)).rejects.toMatchObject({
      code: 'temporarily_unavailable',
      message: expect.stringContaining(`127.0.0.1:${String(http)}`) as string,
    })
    expect(readdirSync(paths.run)).toEqual([])
    await new Promise((resolve) => other.close(resolve))
    expect((await start(options)).http_url).toBe(`http://127.0.0.1:${String(http)}`)
  })

  it('finishes what is being answered when it closes, and withdraws what waits for the person', async () => {
    const { options, paths, asking } = setStage()
    const endpoint = await startEndpoint(options)
    const refresh = post(paths.socket, '/v1/token', { account: 'refresh' })
    const question = post(paths.socket, '/v1/token', { account: 'ask' }).catch((thrown: unknown) => String(thrown))
    await until(() => asking.calls.length === 2, 'both calls')
    const closing = endpoint.close()
    await until(() => !existsSync(paths.socket), 'the socket to go')
    asking.release('refresh')
    expect((await refresh).status).toBe(200)
    await closing
    expect(await question).toMatch(/socket hang up|ECONNRESET/u)
    await until(() => asking.signals[0]?.aborted === true, 'the question to be withdrawn')
  })
})
