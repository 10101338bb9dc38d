/** Tab storms: callers who want the same at the same time, and what each of them is told. */
import { describe, expect, it } from 'vitest'
import { type CallOptions, createClient, type WireRequest, type WireResponse } from '../../../clients/js/client.ts'

const token = { access_token: 'at', account: { id: 'a', label: 'ada' }, token_id: 't', authorization: 'Bearer at' }

/** A transport that answers when it is told to. */
function stage() {
  const sent: { readonly request: WireRequest; readonly answer: (response: WireResponse) => void }[] = []
  const client = createClient({
    clientToken: 'c',
    transport: {
      send: (request) =>
        new Promise((answer, reject) => {
          sent.push({ request, answer })
          request.signal?.addEventListener('abort', () => {
            reject(request.signal?.reason as Error)
          })
        }),
      close: () => undefined,
    },
    fetch: () => Promise.resolve(new Response('', { status: sent.length > 1 ? 200 : 401 })),
  })
  const answer = (value: unknown = token, ok = true): void => {
    sent.at(-1)?.answer({ ok, answer: value })
  }
  return { client, sent, answer }
}

const isReached = async (condition: () => boolean): Promise<void> => {
  await expect.poll(condition).toBe(true)
}

describe('a storm of callers', () => {
  it('is one request, and everybody gets its answer', async () => {
    const { client, sent, answer } = stage()
    const asked = Array.from({ length: 200 }, () => client.getToken({ account: 'ada' }))
    await isReached(() => sent.length > 0)
    answer()
    expect((await Promise.all(asked)).every(({ access_token }) => access_token === 'at')).toBe(true)
    expect(sent).toHaveLength(1)
  })

  it('is one report of a 401', async () => {
    const { client, sent, answer } = stage()
    const asked = Array.from({ length: 50 }, () => client.fetch('ada', 'https://api.example/'))
    await isReached(() => sent.length === 1)
    answer()
    await isReached(() => sent.length === 2)
    expect(sent[1]?.request).toMatchObject({ path: '/v1/invalidate', argument: { account: 'a', token_id: 't' } })
    answer()
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array<number>(50).fill(200))
    expect(sent).toHaveLength(2)
  })

  it('shares a refusal too, and asks anew afterwards', async () => {
    const { client, sent, answer } = stage()
    const asked = [1, 2].map(() => client.getToken({ account: 'ada' }).catch((thrown: unknown) => thrown))
    await isReached(() => sent.length === 1)
    answer({ error: 'locked', error_description: 'Locked.' }, false)
    for (const thrown of await Promise.all(asked)) expect(thrown).toMatchObject({ code: 'locked' })
    const again = client.getToken({ account: 'ada' })
    await isReached(() => sent.length === 2)
    answer()
    await expect(again).resolves.toEqual(token)
  })

  it('is as many requests as there are things wanted, and pairing is never shared', async () => {
    const { client, sent } = stage()
    void client.getToken({ account: 'ada' })
    void client.getToken({ account: 'grace' })
    void client.getToken({ account: 'ada', scope: 's' })
    void client.accounts()
    for (let i = 0; i < 2; i++) void client.pair({ name: 'x', kind: 'extension' })
    await isReached(() => sent.length === 6)
    expect(sent).toHaveLength(6)
  })

  it('is told of the question, who comes late included', async () => {
    const { client, sent, answer } = stage()
    const told: string[] = []
    const join = (name: string, options: CallOptions = {}): Promise<unknown> =>
      client.getToken({ account: 'ada' }, { onPending: ({ code }) => told.push(`${name} ${code}`), ...options })
    const first = join('first')
    await isReached(() => sent.length === 1)
    sent[0]?.request.onPending?.({ requestId: 'r', code: '123-456' })
    const late = join('late')
    answer()
    await Promise.all([first, late])
    expect(told).toEqual(['first 123-456', 'late 123-456'])
  })

  it('goes on while one of them waits, and ends with the last', async () => {
    const { client, sent, answer } = stage()
    const [one, two, three] = [new AbortController(), new AbortController(), new AbortController()]
    const join = ({ signal }: AbortController): Promise<unknown> =>
      client.getToken({ account: 'ada' }, { signal }).catch((thrown: unknown) => (thrown as Error).name)
    const gone = join(one)
    const stays = join(two)
    one.abort()
    expect(await gone).toBe('AbortError')
    expect(sent[0]?.request.signal?.aborted).toBe(false)
    answer()
    expect(await stays).toEqual(token)
    const alone = join(three)
    await isReached(() => sent.length === 2)
    three.abort()
    expect(await alone).toBe('AbortError')
    expect(sent[1]?.request.signal?.aborted).toBe(true)
    const afterwards = join(two)
    await isReached(() => sent.length === 3)
    answer()
    expect(await afterwards).toEqual(token)
  })
})
