/**
 * A running console for the tests that attack it, and the call that the rows change. The rule: a refusal is only one when
 * the deciding door was not touched and nothing worth having came back.
 */
import { expect, onTestFinished } from 'vitest'
import type { Assets } from '../../main/daemon/console-assets.ts'
import { type Console, type ConsoleOptions, startConsole } from '../../main/daemon/console.ts'
import { StandInDeciding } from '../unit/endpoint/stand-in-doors.ts'
import { type Answer, ask, RawConnection, sendRaw, until } from '../unit/endpoint/wire.ts'

const assets: Assets = new Map([
  ['/', { type: 'text/html; charset=utf-8', body: Buffer.from('<!doctype html><title>the window</title>') }],
  ['/assets/index.js', { type: 'text/javascript; charset=utf-8', body: Buffer.from('export const window = 1') }],
])

export interface Running {
  readonly console: Console
  readonly deciding: StandInDeciding
  readonly port: number
  readonly logged: string[]
  /** Uses up a link; the whole `Set-Cookie` value. */
  readonly signIn: () => Promise<string>
}

export async function runConsole(options: Partial<ConsoleOptions> = {}): Promise<Running> {
  const deciding = new StandInDeciding()
  const logged: string[] = []
  const served = await startConsole({
    deciding,
    assets,
    log: (level, event, fields) => logged.push(`${level} ${event} ${JSON.stringify(fields)}`),
    ...options,
  })
  onTestFinished(() => served.close())
  const port = Number(new URL(served.url).port)
  const signIn = async (): Promise<string> => {
    const answer = await ask(port, new URL(served.newUrl()).pathname, { credential: null })
    return answer.headers['set-cookie']?.[0] ?? ''
  }
  return { console: served, deciding, port, logged, signIn }
}

export const pairOf = (setCookie: string): string => setCookie.split(';')[0] ?? ''

/** A call that would lock the vault, but for what a row changes. */
export function lockCall(
  port: number,
  cookie: string,
  {
    host = `Host: 127.0.0.1:${String(port)}\r\n`,
    line = 'POST /v1/window/lock HTTP/1.1',
    type = 'Content-Type: application/json\r\n',
    headers = '',
    body = '{}',
  } = {},
): string {
  return `${line}\r\n${host}Cookie: ${cookie}\r\n${type}${headers}Content-Length: ${String(body.length)}\r\n\r\n${body}`
}

export function expectUntouched({ deciding }: Running): void {
  expect(deciding.calls).toEqual([])
  expect(deciding.snapshots).toBe(0)
}

function expectNothingWorthHaving({ all }: Answer): void {
  expect(all).not.toMatch(/access-control-|set-cookie|the window|\/nowhere\//iu)
  expect(all).toMatch(/^cache-control: no-store$/imu)
  expect(all).toMatch(/^x-content-type-options: nosniff$/imu)
  expect(all).toMatch(/^cross-origin-resource-policy: same-origin$/imu)
}

export async function expectRefused(running: Running, bytes: string, status: number, ends = true): Promise<Answer> {
  const answer = await sendRaw(running.port, bytes, ends)
  expect(answer.status, bytes).toBe(status)
  expectNothingWorthHaving(answer)
  expectUntouched(running)
  return answer
}

/** The status of the first answer, for methods whose answers have no body. */
export async function statusOf(port: number, bytes: string): Promise<number> {
  const raw = new RawConnection(port)
  raw.write(bytes)
  await until(() => raw.received.includes('\r\n\r\n'), 'an answer')
  return Number(/^HTTP\/1\.1 (\d{3}) /u.exec(raw.received)?.[1])
}
