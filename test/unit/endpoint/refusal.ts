/**
 * What every refusal of the endpoint has in common, and the request that rows change. The rule: a refusal is only one
 * when the broker was not asked and nothing worth having came back.
 */
import { expect } from 'vitest'
import { accessToken, clientToken, faultSecret, secondToken } from './stand-in-doors.ts'
import { type Answer, sendRaw, type Stage, type startStage } from './wire.ts'

export type Running = Awaited<ReturnType<typeof startStage>>

export const credential = `Authorization: Bearer ${clientToken}\r\n`

/** A token request that would succeed, but for what a row changes. */
export function tokenRequest(
  port: number,
  { host = `Host: 127.0.0.1:${String(port)}\r\n`, target = '/v1/token', headers = '', version = 'HTTP/1.1' } = {},
): string {
  return `POST ${target} ${version}\r\n${host}${credential}Content-Type: application/json\r\n${headers}Content-Length: 20\r\n\r\n{"account":"github"}`
}

export function expectUntouched({ asking, deciding }: Stage): void {
  expect(asking.calls).toEqual([])
  expect(deciding.calls).toEqual([])
  expect(deciding.snapshots).toBe(0)
}

/** Nothing secret, no CORS, and the headers every answer has. */
export function expectHarmless({ head, all }: Answer): void {
  for (const secret of [accessToken, clientToken, secondToken, faultSecret]) expect(all).not.toContain(secret)
  expect(all).not.toMatch(/access-control-/iu)
  expect(head).toMatch(/^cache-control: no-store$/imu)
  expect(head).toMatch(/^x-content-type-options: nosniff$/imu)
  expect(head).toMatch(/^cross-origin-resource-policy: same-origin$/imu)
}

export async function expectRefused(running: Running, bytes: string, status: number, ends = true): Promise<Answer> {
  const answer = await sendRaw(running.port, bytes, ends)
  expect(answer.status, bytes).toBe(status)
  expectHarmless(answer)
  expectUntouched(running)
  return answer
}

/** A token request with this body, as bytes, for a socket. */
export const jsonRequest = (body: string | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST /v1/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${clientToken}\r\nContent-Type: application/json\r\nContent-Length: ${String(Buffer.byteLength(body))}\r\n\r\n`,
    ),
    Buffer.from(body),
  ])
