/**
 * A provider on loopback, made of a definition: the emulator that plays definitions through, behind a real socket. The rule:
 * the definition is the shipped one but for its hosts, which are all this one; what is asked and answered is as the
 * definition's documentation says.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { stringify } from 'yaml'
import { emulate, type Emulator } from '../../../main/oauth/conformance/emulator.ts'
import { sampleValues } from '../../../main/oauth/conformance/conform.ts'
import type { ProviderDefinition } from '../../../main/providers/provider.ts'
import { valuesOf } from '../../../main/providers/template.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Served {
  /** Of `${host}`, a variable that the moved definition has. */
  readonly host: string
  readonly definition: ProviderDefinition
  /** The moved definition as a file. */
  readonly text: string
  readonly params: Readonly<Record<string, string>>
  readonly client: { readonly client_id: string; readonly client_secret: string }
  readonly emulator: Emulator
  /** Everything but the browser's own requests, in order. */
  readonly asked: readonly Asked[]
  /** Where the browser ends, without following it there. */
  browse(url: string): Promise<string>
  /** What the person decides from now on. */
  choice: 'allow' | 'deny'
  /** Answers the next requests to a path in place of the emulator. */
  answer(path: string, status: number, body: unknown): void
  stop(): Promise<void>
}

/** `given`: values of the definition's own variables, and changes to it. */
export async function serveDefinition(
  shipped: ProviderDefinition,
  given: { readonly params?: Readonly<Record<string, string>>; readonly change?: Partial<ProviderDefinition> } = {},
): Promise<Served> {
  const definition = { ...moved(shipped), ...given.change }
  const client = { client_id: 'Iv1.8a61f9b3', client_secret: 'a secret +/=%' }
  const asked: Asked[] = []
  const answers = new Map<string, { readonly status: number; readonly body: unknown }>()
  const isPublic = definition.client.client_type === 'public'
  const server = createServer((request, response) => void serve(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const params = { ...sampleValues(definition), ...given.params, host }
  const emulator = emulate({
    definition,
    values: valuesOf(definition, params),
    client: isPublic ? { client_id: client.client_id } : client,
    person: { username: 'person@example.com', password: 'pass word' },
    variant: 0,
    now: () => Date.now(),
  })
  const authorize = new URL((definition.server.authorization_endpoint ?? 'https://none/').replace('${host}', host))
    .pathname
  const served: Served = {
    ...{ host, definition, params, client, emulator, asked },
    text: stringify(definition),
    choice: 'allow',
    browse: async (url) => {
      const { headers, status } = await fetch(url, { redirect: 'manual' })
      return headers.get('location') ?? `status ${String(status)}`
    },
    answer: (path, status, body) => void answers.set(path, { status, body }),
    stop: async () => {
      server.closeAllConnections()
      server.close()
      if (server.listening) await once(server, 'close')
    },
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = `https://${host}${request.url ?? '/'}`
    const { pathname: path } = new URL(url)
    if (path === authorize && request.method === 'GET') {
      response.writeHead(302, { location: emulator.authorize(url, served.choice) }).end()
      return
    }
    const body = (await request.toArray()).join('')
    const method = request.method as 'GET' | 'POST' | 'DELETE'
    asked.push({ method, path, headers: request.headers, body })
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
    )
    const planned = answers.get(path)
    const sent = { url, method, headers, ...(body !== '' && { body }), max_bytes: 0, timeout: 0 }
    const answer = planned
      ? { status: planned.status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(planned.body) }
      : await emulator.http(sent)
    response.writeHead(answer.status, answer.headers).end(answer.status === 204 ? undefined : (answer.body ?? ''))
  }
  return served
}

/** The definition with every host of its own being `${host}`. */
function moved(shipped: ProviderDefinition): ProviderDefinition {
  const here = (url: string): string => url.replace(/^https:\/\/[^/]+/u, 'https://${host}')
  const all = <T extends object>(value: T): T =>
    Object.fromEntries(
      Object.entries(value).map(([key, member]) => [
        key,
        typeof member === 'string' ? here(member) : (member as unknown),
      ]),
    ) as T
  const { server, identity, revocation, resource, grants, variables } = shipped
  return {
    ...shipped,
    id: `${shipped.id}-here`,
    variables: { ...variables, host: { title: 'Host', format: 'hostname' } },
    server: all(server),
    ...(identity && { identity: { ...identity, url: here(identity.url) } }),
    ...(revocation && { revocation: { ...revocation, url: here(revocation.url) } }),
    ...(grants && {
      grants: Object.fromEntries(Object.entries(grants).map(([grant, operation]) => [grant, all(operation)])),
    }),
    resource: { ...resource, base_urls: resource.base_urls.map(here) },
  }
}
