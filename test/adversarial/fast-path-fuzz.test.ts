/**
 * The fast path against the command line it stands in for, over generated and mutated input. The rule: what both accept is
 * told in the same bytes; what the command line refuses the fast path never accepts; and nothing at all upsets the
 * sanitizers. The seed is fixed, so that what fails here fails again.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BrokerError, asBrokerError, errorTable } from '../../main/contract/errors.ts'
import { pendingHeaders } from '../../main/contract/client-api.ts'
import { bodyWithStep, nextStep } from '../../main/cli/next-step.ts'
import { describe as wordsOf, neutralise } from '../../main/cli/output.ts'
import { readAnswer } from '../../main/cli/reply.ts'
import { ResponseReader, type Headers } from '../../main/cli/response-reader.ts'
import { parseTokenArguments, wantsJson } from '../../main/cli/token-arguments.ts'
import { makeHarness, shown, type Case, type Harness, type Told } from './fast-path-rig.ts'

const seed = 20_261_121
const JSON_OUT = 1
const HEADER = 2
const ERRORS_JSON = 4

let harness: Harness
beforeAll(() => {
  harness = makeHarness()
})
afterAll(() => {
  harness.remove()
})

/** What the command line makes of an answer that comes in such pieces and then ends; `last`: without the questions before. */
function reference({ bytes, options = 0, chunk = 0 }: Case): Told & { readonly last: string } {
  const said: string[] = []
  const json = (options & JSON_OUT) !== 0
  try {
    const reader = new ResponseReader(1_048_576)
    let head: { readonly status: number; readonly headers: Headers } | undefined
    const parts: Buffer[] = []
    const take = (events: ReturnType<ResponseReader['feed']>): void => {
      for (const event of events)
        if (event.kind === 'information') said.push(...announced(event.headers, json))
        else if (event.kind === 'head') head = event
        else if (event.kind === 'body') parts.push(event.bytes)
    }
    const step = chunk === 0 ? bytes.length : chunk
    for (let at = 0; at < bytes.length && !reader.ended; at += step) {
      // One piece at a time, because a fault must not undo what was told before it.
      take(reader.feed(Buffer.from(bytes.subarray(at, at + step))))
    }
    if (!reader.ended) take(reader.finish())
    if (head === undefined) throw new Error('no head')
    const answer = readAnswer({ ...head, body: Buffer.concat(parts) }) as Readonly<Record<string, unknown>>
    const isLine = (value: unknown): value is string => typeof value === 'string' && /^[\x20-\x7e]+$/u.test(value)
    const { access_token, authorization } = answer
    if (!isLine(access_token) || !isLine(authorization))
      throw new BrokerError('server_error', 'The broker answered with something that is not a token.', {
        resolve: { command: 'valetkey doctor' },
      })
    const line = json
      ? JSON.stringify(answer)
      : (options & HEADER) !== 0
        ? `Authorization: ${authorization}`
        : access_token
    return { status: 0, stdout: `${line}\n`, stderr: said.join(''), last: '' }
  } catch (thrown) {
    const error = asBrokerError(thrown)
    const lines =
      (options & ERRORS_JSON) !== 0
        ? [JSON.stringify(bodyWithStep(error, 'token'))]
        : wordsOf(error, nextStep(error, 'token'))
    const last = `${lines.join('\n')}\n`
    return { status: errorTable[error.code].exit, stdout: '', stderr: said.join('') + last, last }
  }
}

function announced(headers: Headers, json: boolean): readonly string[] {
  const [request_id, code] = [headers.get(pendingHeaders.request), headers.get(pendingHeaders.code)]
  if (request_id === undefined || code === undefined) return []
  if (json) return [`${JSON.stringify({ pending: { request_id, code } })}\n`]
  return [`valetkey: waiting for approval\ncode: ${code}\nrun: valetkey approve ${request_id}\n`]
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)), maxLength: 8 }),
  fc.constantFrom('', 'ü', '\ud83d', '\u202e', '\u0000', '\u001b[31m', '"\\/', '🚀'),
)
// Names that count like a list's places change their order in JavaScript, and `__proto__` is no member there.
const name = text.filter((word) => !/^\d+$/u.test(word) && word !== '__proto__')
const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    ...[fc.constantFrom(null, true, false), fc.maxSafeInteger(), text],
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))
const line = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 })
const mostly = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: usual, weight: 12 }, { arbitrary: anything, weight: 1 })

const tokenBody = fc.record(
  {
    access_token: mostly(line),
    token_type: text,
    authorization: mostly(line),
    scope: text,
    more: anything,
    account: anything,
  },
  { requiredKeys: ['access_token', 'authorization'], noNullPrototype: true },
)
const hints = fc.dictionary(fc.oneof(fc.constantFrom('command', 'url', 'code'), name), mostly(text), {
  maxKeys: 4,
  noNullPrototype: true,
})
const candidate = fc.record(
  { id: mostly(text), label: mostly(text), provider: mostly(text), more: anything },
  { requiredKeys: ['id', 'label'], noNullPrototype: true },
)
const refusalBody = fc.record(
  {
    error: mostly(fc.constantFrom(...Object.keys(errorTable), 'toString')),
    error_description: mostly(text),
    // What a list or a text would give as hints is the engine's affair; our broker has an object there.
    resolve: fc.oneof(hints, fc.constantFrom(null, 7, true)),
    request_id: mostly(text),
    candidates: fc.oneof(fc.array(fc.oneof(candidate, anything), { maxLength: 3 }), fc.constantFrom(null, 'x', 7)),
    retry_after: anything,
  },
  { requiredKeys: [], noNullPrototype: true },
)

/** JSON with white space between, and escapes where none are needed. */
const spelt = (value: unknown, spaces: number, escapes: boolean): string => {
  const plain = JSON.stringify(value, null, spaces)
  return escapes ? plain.replaceAll('e', '\\u0065').replaceAll('\\\\u0065', '\\\\e') : plain
}

const framing = fc.constantFrom('length', 'chunked', 'close')
const early = fc.array(
  fc.record({ id: fc.stringMatching(/^[\x21-\x7e]{1,30}$/u), code: fc.stringMatching(/^\d{3}-\d{3}$/u) }),
  { maxLength: 2 },
)

const answer = fc
  .record({
    what: fc.oneof(
      tokenBody.map((body) => ({ status: 200, body: body as unknown })),
      fc
        .tuple(refusalBody, fc.constantFrom(400, 401, 403, 409, 500, 503))
        .map(([body, status]) => ({ status, body: body as unknown })),
    ),
    spaces: fc.constantFrom(0, 0, 2),
    framing,
    early,
    retry: fc.option(fc.nat(999), { nil: undefined }),
    size: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ what, spaces, framing: how, early: questions, retry, size }) => {
    const body = Buffer.from(spelt(what.body, spaces, false))
    const heads = questions.map(
      ({ id, code }) => `HTTP/1.1 103 Early Hints\r\nvaletkey-REQUEST:${id}\r\nValetkey-Code: \t${code} \r\n\r\n`,
    )
    const lines = [
      `HTTP/1.1 ${String(what.status)} x`,
      'Content-Type: application/json',
      ...(retry === undefined ? [] : [`Retry-After: ${String(retry)}`]),
    ]
    if (how === 'length') lines.push(`Content-Length: ${String(body.length)}`)
    if (how === 'chunked') lines.push('Transfer-Encoding: chunked')
    const pieces: Buffer[] = []
    if (how === 'chunked') {
      for (let at = 0; at < body.length; at += size) {
        const piece = body.subarray(at, at + size)
        pieces.push(Buffer.from(`${piece.length.toString(16)};a=b\r\n`), piece, Buffer.from('\r\n'))
      }
      pieces.push(Buffer.from('0\r\nX: y\r\n\r\n'))
    } else pieces.push(body)
    return Buffer.concat([Buffer.from(`${heads.join('')}${lines.join('\r\n')}\r\n\r\n`), ...pieces])
  })

const options = fc.constantFrom(0, JSON_OUT | ERRORS_JSON, HEADER, HEADER | ERRORS_JSON)
const chunk = fc.constantFrom(0, 1, 7, 200)

/** One mutation: a byte changed, removed, doubled, or a piece of another place put in. */
const mutation = fc.record({
  kind: fc.constantFrom('change', 'remove', 'insert', 'copy', 'cut'),
  at: fc.nat(100_000),
  from: fc.nat(100_000),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[]:,0-e\r\n \t\0u'))),
})
function mutate(
  bytes: Buffer,
  mutations: readonly (typeof mutation extends fc.Arbitrary<infer T> ? T : never)[],
): Buffer {
  let changed = bytes
  for (const { kind, at, from, byte } of mutations) {
    const place = changed.length === 0 ? 0 : at % changed.length
    const before = changed.subarray(0, place)
    if (kind === 'cut') changed = before
    else if (kind === 'remove') changed = Buffer.concat([before, changed.subarray(place + 1)])
    else if (kind === 'insert') changed = Buffer.concat([before, Buffer.from([byte]), changed.subarray(place)])
    else if (kind === 'change') changed = Buffer.concat([before, Buffer.from([byte]), changed.subarray(place + 1)])
    else {
      const start = changed.length === 0 ? 0 : from % changed.length
      changed = Buffer.concat([before, changed.subarray(start, start + 30), changed.subarray(place)])
    }
  }
  return changed
}

const parsed = (out: string): unknown => (out === '' ? 'nothing' : (JSON.parse(out) as unknown))
const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number): readonly T[] =>
  fc.sample(arbitrary, { numRuns: count, seed })

describe('a fuzzed answer', () => {
  it('that is well formed is told as the command line tells it, to the byte', () => {
    const cases = sample(fc.record({ kind: fc.constant('answer' as const), bytes: answer, options, chunk }), 4_000)
    const told = harness.run(cases)
    const good = cases.map((one, index) => {
      const { last: _last, ...expected } = reference(one)
      expect(told[index], shown(one)).toEqual(expected)
      return told[index]?.status
    })
    // That it was not all of one kind.
    for (const status of [0, 1, 2, 3, 4, 5, 6, 7, 8]) expect(good, String(status)).toContain(status)
  })

  it('that is not is never taken for one', () => {
    const mutated = fc
      .tuple(answer, fc.array(mutation, { minLength: 1, maxLength: 4 }))
      .map(([bytes, mutations]) => mutate(bytes, mutations))
    const cases = sample(fc.record({ kind: fc.constant('answer' as const), bytes: mutated, options, chunk }), 8_000)
    const told = harness.run(cases)
    let [accepted, same] = [0, 0]
    for (const [index, one] of cases.entries()) {
      const [ours, theirs] = [told[index], reference(one)]
      if (ours?.status === theirs.status && ours.stderr.endsWith(theirs.last)) same++
      if (ours?.status === 0) accepted++
      // As JSON, because the spelling of a number stays ours.
      const asJson = ours?.status === 0 && ((one.options ?? 0) & JSON_OUT) !== 0
      const [printed, right] = [ours?.stdout, theirs.stdout].map((out = '') => (asJson ? parsed(out) : out))
      expect(printed, shown(one)).toEqual(ours?.status === 0 ? right : '')
    }
    // What differs: members given twice, a question whose code is no word, and bytes after the end in a piece of their own.
    expect(accepted).toBeGreaterThan(100)
    expect(same).toBeGreaterThan(cases.length * 0.98)
  })

  it('of any bytes, and any body read to its very end, upsets nothing', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.oneof(tokenBody, refusalBody), fc.array(mutation, { maxLength: 3 }))
        .map(([body, mutations]) => mutate(Buffer.from(spelt(body, 0, true)), mutations)),
    )
    const kind = fc.constantFrom('answer' as const, 'body' as const)
    const some = fc.record({ kind, bytes, options: fc.nat(15), chunk })
    const ends = fc.record({
      kind: fc.constant('answer' as const),
      bytes: answer.map((whole) => whole.subarray(0, whole.length - 3)),
      options: fc.constantFrom(16, 32, 20, 36),
      chunk,
    })
    const cases = sample(fc.oneof(some, some, some, ends), 8_000)
    const told = harness.run(cases)
    expect(told.every(({ status, stdout }) => status === 0 || stdout === '')).toBe(true)
    expect(new Set(told.map(({ stderr }) => stderr.split('\n')[0])).size).toBeGreaterThan(8)
  })

  it('shows no character to a terminal that the command line would not', () => {
    const all = Array.from({ length: 0x11_0000 }, (_, code) => String.fromCodePoint(code))
    for (let at = 0; at < all.length; at += 0x1_0000) {
      const description = all.slice(at, at + 0x1_0000).join('')
      const bytes = Buffer.from(JSON.stringify({ error: 'locked', error_description: description }))
      const [told] = harness.run([{ kind: 'body', bytes, options: 8 }])
      expect(told?.stderr === `valetkey: ${neutralise(description)}\nrun: valetkey unlock\n`, at.toString(16)).toBe(
        true,
      )
      expect(told?.status).toBe(4)
    }
  })
})

describe('fuzzed words', () => {
  const words = [
    '--scope',
    '--min-valid',
    '--timeout',
    '--interaction',
    '--reason',
    '--as',
    '--json',
    '--header',
    '--force-refresh',
  ]
  const word = fc.oneof(
    fc.constantFrom(
      ...words,
      '--resource=https://x',
      '--audience',
      '--',
      '-',
      '-x',
      '--scop',
      '--scopes',
      '--json=',
      'ada',
    ),
    fc.constantFrom('never', 'notify', 'prompt', '0', '007', '600', '601', '31536000', '1e3', '-1', ''),
    fc.tuple(fc.constantFrom(...words), text).map(([option, value]) => `${option}=${value}`),
    text,
  )
  const argv = fc.array(
    word.filter((one) => !one.includes('\0')),
    { maxLength: 8 },
  )

  it('are the same request, or the command line’s to judge', () => {
    const sound = (list: readonly string[]): boolean => list.every((one) => one.isWellFormed())
    const lists = sample(argv, 8_000).filter(sound)
    const told = harness.run(
      lists.map((list) => ({ kind: 'words', bytes: Buffer.from(list.map((one) => `${one}\0`).join('')) })),
    )
    const outcomes = { request: 0, refused: 0 }
    for (const [index, list] of lists.entries()) {
      let expected: Told = { status: -1, stdout: '', stderr: '' }
      try {
        const { request, header, json } = parseTokenArguments(list)
        const status = (json ? 1 : 0) + (header ? 2 : 0) + (wantsJson(list) ? 4 : 0)
        expected = { status, stdout: JSON.stringify(request), stderr: '' }
        outcomes.request++
      } catch {
        outcomes.refused++
      }
      const ours = told[index]
      expect({ ...ours, stdout: sorted(ours?.stdout) }, JSON.stringify(list)).toEqual({
        ...expected,
        stdout: sorted(expected.stdout),
      })
    }
    expect(Math.min(outcomes.request, outcomes.refused)).toBeGreaterThan(300)
  })

  it('in no encoding are the command line’s to judge', () => {
    const [told] = harness.run([{ kind: 'words', bytes: Buffer.from([0x61, 0xff, 0]) }])
    expect(told?.status).toBe(-1)
  })

  const sorted = (body: string | undefined): unknown => (body ? (JSON.parse(body) as unknown) : '')
})
