/** The listener of a registered `localhost` address: on both addresses of that name, on a port that is free on both. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { openLoopback, type Loopback } from '../../../main/oauth/loopback.ts'
import { hit } from '../../fakes/redirects.ts'

const open: Loopback[] = []
const others: Server[] = []
afterEach(async () => {
  for (const one of open.splice(0)) one.close()
  for (const other of others.splice(0)) await new Promise((done) => other.close(done))
})
const listener = async (ports?: readonly number[]): Promise<Loopback> => {
  const one = await openLoopback({ path: '/', host: 'localhost', ports }, () => undefined)
  open.push(one)
  return one
}
const taken = (address: string): Promise<number> =>
  new Promise((done) => {
    const server = createServer().listen(0, address, () => {
      done((server.address() as AddressInfo).port)
    })
    others.push(server)
  })
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === '::1')

describe('localhost', () => {
  it('is answered under that name alone, on both addresses where there are two', async () => {
    const { port } = await listener()
    for (const address of ['127.0.0.1', ...(hasIpv6 ? ['[::1]'] : [])]) {
      const url = `http://${address}:${String(port)}/?code=x`
      expect(await hit(url, { host: `localhost:${String(port)}` })).toBe(400)
      expect(await hit(url)).toBe(403)
    }
  })

  it('takes the next port where somebody is on one of them', async () => {
    const [first, second] = [await taken('127.0.0.1'), await taken('127.0.0.1')]
    const free = await listener()
    free.close()
    expect((await listener([first, second, free.port])).port).toBe(free.port)
    await expect(openLoopback({ path: '/', ports: [first] }, () => undefined)).rejects.toMatchObject({
      code: 'temporarily_unavailable',
      message: expect.stringContaining(String(first)) as string,
    })
  })

  it('is not shared with whoever is on its other address, where it has one', async () => {
    const other = await taken(hasIpv6 ? '::1' : '127.0.0.1')
    const { port } = await listener([other, 0])
    expect(port).not.toBe(other)
    await expect(openLoopback({ path: '/', host: 'localhost', ports: [other] }, () => undefined)).rejects.toMatchObject(
      {
        code: 'temporarily_unavailable',
      },
    )
  })
})
