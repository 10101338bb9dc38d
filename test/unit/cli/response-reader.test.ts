/** The HTTP/1.1 response reader: the same events however the bytes arrive, and no half answers. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BrokerError } from '../../../main/contract/errors.ts'
import { ResponseReader, type ResponseEvent } from '../../../main/cli/response-reader.ts'

interface Read {
  readonly information: readonly ReadonlyMap<string, string>[]
  readonly status: number | undefined
  readonly headers: ReadonlyMap<string, string> | undefined
  readonly body: string
  readonly ended: boolean
}

function read(
  pieces: readonly (string | Buffer)[],
  options: { readonly limit?: number; readonly close?: boolean } = {},
): Read {
  const reader = new ResponseReader(options.limit ?? 1000)
  const events: ResponseEvent[] = []
  for (const piece of pieces)
    events.push(...reader.feed(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece))
  if (options.close) events.push(...reader.finish())
  const head = events.find((event) => event.kind === 'head')
  return {
    information: events.flatMap((event) => (event.kind === 'information' ? [event.headers] : [])),
    status: head?.status,
    headers: head?.headers,
    body: Buffer.concat(events.flatMap((event) => (event.kind === 'body' ? [event.bytes] : []))).toString('latin1'),
    ended: events.at(-1)?.kind === 'end' && reader.ended,
  }
}

function outcome(work: () => unknown): string {
  try {
    work()
    return 'answered'
  } catch (thrown) {
    return thrown instanceof BrokerError ? 'BrokerError' : String(thrown)
  }
}

const early = 'HTTP/1.1 103 Early Hints\r\nvaletkey-request: r1\r\nvaletkey-code: 123-456\r\n\r\n'
const fixed = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"a":"bcd"}'
const chunked =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n7;name=value\r\n:"bcd"}\r\n0\r\nX-Trailer: x\r\n\r\n'

describe('a response', () => {
  it('of known length', () => {
    const { status, headers, body, ended } = read([fixed])
    expect({ status, body, ended }).toEqual({ status: 200, body: '{"a":"bcd"}', ended: true })
    expect(headers?.get('content-type')).toBe('application/json')
  })

  it('in chunks, with extensions and a trailer', () => {
    expect(read([chunked])).toMatchObject({ status: 200, body: '{"a":"bcd"}', ended: true })
  })

  it('that ends with the connection', () => {
    const bytes = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole'
    expect(read([bytes])).toMatchObject({ body: 'whole', ended: false })
    expect(read([bytes], { close: true })).toMatchObject({ body: 'whole', ended: true })
  })

  it('without a body', () => {
    expect(read(['HTTP/1.1 204 No Content\r\n\r\n'])).toMatchObject({ status: 204, body: '', ended: true })
    expect(read(['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'])).toMatchObject({ body: '', ended: true })
  })

  it('without a reason phrase', () => {
    expect(read(['HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'])).toMatchObject({ status: 200, ended: true })
    expect(read(['HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n'])).toMatchObject({ status: 200, ended: true })
  })

  it('after informational answers', () => {
    const { information, status, ended } = read([`HTTP/1.1 100 Continue\r\n\r\n${early}${fixed}`])
    expect(information.map((headers) => headers.get('valetkey-code'))).toEqual([undefined, '123-456'])
    expect({ status, ended }).toEqual({ status: 200, ended: true })
  })

  it('reads the same in any pieces', () => {
    const whole = Buffer.from(`${early}${fixed}`, 'latin1')
    const inChunks = Buffer.from(`${early}${chunked}`, 'latin1')
    for (const bytes of [whole, inChunks]) {
      const expected = read([bytes])
      expect(expected.ended).toBe(true)
      expect(read(Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1)))).toEqual(expected)
      fc.assert(
        fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
          const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
          const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
          expect(read(pieces)).toEqual(expected)
        }),
        { numRuns: 200 },
      )
    }
  })
})

describe('what is no response', () => {
  const ok = 'HTTP/1.1 200 OK\r\n'
  it.each([
    ['TLS', '\u0015\u0003\u0001\u0000\u0002'],
    ['SSH', 'SSH-2.0-OpenSSH_9\r\n'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\n'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status of 999', 'HTTP/1.1 999 OK\r\n\r\n'],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['a header without a colon', `${ok}oops\r\n\r\n`],
    ['a folded header', `${ok}A: b\r\n c\r\n\r\n`],
    ['a space before the colon', `${ok}Content-Length : 1\r\n\r\nx`],
    ['a control character in a header', `${ok}A: b\u0000c\r\n\r\n`],
    ['a bare newline in a header', `${ok}A: b\nContent-Length: 1\r\n\r\nx`],
    ['two lengths', `${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`],
    ['a length and chunks', `${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`],
    ['another encoding', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`],
    ['a negative length', `${ok}Content-Length: -1\r\n\r\n`],
    ['a hexadecimal length', `${ok}Content-Length: 0x1\r\n\r\n`],
    ['a length beyond the limit', `${ok}Content-Length: 1001\r\n\r\n`],
    ['a chunk beyond the limit', `${ok}Transfer-Encoding: chunked\r\n\r\n3e9\r\n`],
    ['a chunk of ffffffff', `${ok}Transfer-Encoding: chunked\r\n\r\nffffffff\r\n`],
    ['a chunk size that is none', `${ok}Transfer-Encoding: chunked\r\n\r\n-1\r\n`],
    ['a chunk longer than it says', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n`],
    ['more after the end', `${fixed}HTTP/1.1 200 OK\r\n\r\n`],
    ['a head without end', `${ok}A: ${'b'.repeat(40_000)}`],
    ['a head that is too long', `${ok}A: ${'b'.repeat(40_000)}\r\n\r\n`],
    ['a chunk line without end', `${ok}Transfer-Encoding: chunked\r\n\r\n${'0'.repeat(300)}`],
    ['a trailer without end', `${ok}Transfer-Encoding: chunked\r\n\r\n0\r\n${'A: b\r\n'.repeat(10_000)}`],
    ['informational answers without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(17)],
  ])('is refused: %s', (_name, bytes) => {
    expect(() => read([bytes])).toThrow(BrokerError)
    expect(() => read(Array.from(bytes))).toThrow(BrokerError)
  })

  it.each([
    ['nothing at all', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['only an informational answer', early],
    ['half a body', fixed.slice(0, -1)],
    ['half a chunk', chunked.slice(0, -30)],
    ['no last chunk', chunked.slice(0, chunked.lastIndexOf('0\r\nX'))],
  ])('is refused when the connection ends: %s', (_name, bytes) => {
    expect(read([bytes]).ended).toBe(false)
    expect(() => read([bytes], { close: true })).toThrow('ended in the middle')
  })

  it('is refused when a body that ends with the connection grows too long', () => {
    expect(() => read([`${ok}\r\n`, 'x'.repeat(600), 'x'.repeat(600)])).toThrow('too long')
  })

  it('never makes the reader do anything but answer or refuse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('', 'HTTP/1.1 ', ok, fixed), (bytes, start) => {
        expect(['answered', 'BrokerError']).toContain(outcome(() => read([start, Buffer.from(bytes)], { close: true })))
      }),
    )
  })
})
