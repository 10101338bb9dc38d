/**
 * A connection on which the same is asked again. The rule: what the endpoint remembers of it saves work and never changes
 * an answer: another credential, another body, a client gone meanwhile and a body in pieces are told apart every time.
 */
import { describe, expect, it } from 'vitest'
import { answersIn, ask, RawConnection, startStage, type Stage } from '../unit/endpoint/wire.ts'
import { clientToken, secondToken } from '../unit/endpoint/stand-in-doors.ts'

function request(body: string, token = clientToken, path = '/v1/token'): string {
  const bytes = Buffer.from(body)
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${String(bytes.length)}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${bytes.toString('latin1')}`
}

/** A connection, and a function that asks on it and answers with the newest status and body. */
async function connection(): Promise<
  Stage & {
    readonly say: (bytes: string) => Promise<readonly [status: number, body: string]>
    readonly raw: RawConnection
  }
> {
  const stage = await startStage()
  const raw = new RawConnection(stage.paths.socket)
  let count = 0
  return {
    ...stage,
    raw,
    say: async (bytes) => {
      raw.write(bytes)
      await raw.statuses(++count)
      const { status = 0, body = '' } = answersIn(raw.received).at(-1) ?? {}
      return [status, body]
    },
  }
}

describe('on one connection', () => {
  it('the same bytes get the same answer, whole and in UTF-8', async () => {
    const { say, asking } = await connection()
    const first = await say(request('{"account":"ready"}'))
    expect(first[0]).toBe(200)
    expect(JSON.parse(Buffer.from(first[1], 'latin1').toString())).toMatchObject({
      account: { label: 'Ada Lovelace, née Byron' },
    })
    expect(await say(request('{"account":"ready"}'))).toEqual(first)
    expect(asking.calls).toEqual(['ready', 'ready'])
  })

  it('another body is another request, also when it is as long', async () => {
    const { say, asking } = await connection()
    for (const account of ['ready', 'other', 'ready']) await say(request(`{"account":"${account}"}`))
    expect(asking.requests.map(({ account }) => account)).toEqual(['ready', 'other', 'ready'])
    expect((await say(request('{"account":"ready","x":1}')))[0]).toBe(400)
    expect((await say(request('{"account":"ready"')))[0]).toBe(400)
    expect((await say(request('{"account":"ready"}', clientToken, '/v1/invalidate')))[0]).toBe(400)
    expect((await say(request('{"account":"ready"}')))[0]).toBe(200)
  })

  it('another credential is another client, and one that is gone is nobody', async () => {
    const { say, asking } = await connection()
    expect((await say(request('{"account":"theirs"}')))[0]).toBe(200)
    expect((await say(request('{"account":"theirs"}', secondToken)))[0]).toBe(403)
    expect((await say(request('{"account":"theirs"}')))[0]).toBe(200)
    expect((await say(request('{"account":"theirs"}', `${clientToken}x`)))[0]).toBe(401)
    expect((await say(request('{"account":"theirs"}')))[0]).toBe(200)
    asking.clients.delete(clientToken)
    expect((await say(request('{"account":"theirs"}')))[0]).toBe(401)
    expect((await say(request('{"account":"ready"}')))[0]).toBe(401)
  })

  it('a body in pieces is the same as in one, wherever it is cut', async () => {
    const { raw, asking, paths } = await connection()
    const bytes = request('{"account":"ready"}')
    const body = bytes.length - '{"account":"ready"}'.length
    let count = 0
    for (const at of [body - 2, body, body + 1, bytes.length - 1]) {
      raw.write(bytes.slice(0, at))
      // Somebody who came later has been answered, so the first piece has arrived and waits.
      expect((await ask(paths.socket, '/v1/status')).status).toBe(200)
      raw.write(bytes.slice(at))
      await raw.statuses(++count)
    }
    raw.write(bytes + bytes + request('{"account":"other"}') + bytes)
    expect(await raw.statuses(count + 4)).toEqual(Array<number>(count + 4).fill(200))
    expect(asking.requests.map(({ account }) => account).slice(-4)).toEqual(['ready', 'ready', 'other', 'ready'])
  })
})
