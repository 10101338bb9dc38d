/**
 * Requests to emulated services, as by a program that knows nothing of them but their documents. The rule: nothing is followed
 * and nothing is read into an answer but its JSON.
 */
import type { Client, Params, Service } from '../../fakes/services/common.ts'

const running: Service[] = []

/** Stops what `start` has started; for afterEach. */
export async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((service) => service.stop()))
}

export async function start<S extends Service>(starting: Promise<S>): Promise<S> {
  const service = await starting
  running.push(service)
  return service
}

export interface Seen {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: Readonly<Record<string, unknown>>
}

export async function seen(url: string, init: RequestInit = {}): Promise<Seen> {
  const answer = await fetch(url, { redirect: 'manual', ...init })
  const text = await answer.text()
  const is_json = answer.headers.get('content-type')?.startsWith('application/json') === true
  const body = is_json ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: answer.status, headers: answer.headers, text, body }
}

export const form = (url: string, params: Params, headers: Params = {}): Promise<Seen> =>
  seen(url, { method: 'POST', body: new URLSearchParams(params), headers })

export const json = (url: string, body: unknown, headers: Params = {}): Promise<Seen> =>
  seen(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })

export const get = (url: string, authorization?: string): Promise<Seen> =>
  seen(url, authorization === undefined ? {} : { headers: { authorization } })

export const codeOf = (location: string): string => new URL(location).searchParams.get('code') ?? ''

export const basicOf = ({ client_id, client_secret }: Client): string =>
  `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`
