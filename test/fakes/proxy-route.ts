/**
 * The broker's socket with the two routes an agent needs besides: the proxy and `POST /v1/requests`, at a socket of its
 * own. Everything else is passed on to the daemon byte by byte, and what these two may is asked of the daemon too: the
 * consents, the questions and the tokens are real ones. The rule: what it answers is the wire format of the routes it
 * stands for (`Valetkey-Error` on refusals of the broker's alone, the account's own API and nowhere else, no token in an
 * answer), and it keeps what it was asked.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer as createSocketServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AccountsAnswer } from '../../main/contract/client-api.ts'
import type { ErrorBody } from '../../main/contract/errors.ts'

export interface ProxyRoute {
  /** For `VALETKEY_SOCK`. */
  readonly socket: string
  /** `METHOD TARGET` of every proxied call that reached this socket. */
  readonly calls: readonly string[]
  stop(): Promise<void>
}

interface Options {
  /** The daemon's own socket. */
  readonly broker: string
  /** The base URL of every account's API. */
  readonly api: string
  /** A token of an account, as the person's own command line has it. */
  readonly tokenOf: (account: string) => Promise<string>
}

export async function startProxyRoute({ broker, api, tokenOf }: Options): Promise<ProxyRoute> {
  const folder = mkdtempSync(join(tmpdir(), 'vk-proxy-'))
  const socket = join(folder, 'broker.sock')
  const calls: string[] = []
  const http = createServer((incoming, response) => {
    const answer = incoming.url === '/v1/requests' ? ask(broker, incoming, response) : carry(incoming, response)
    answer.catch((thrown: unknown) => {
      response.writeHead(500).end(String(thrown))
    })
  })
  const carry = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = incoming
    calls.push(`${method} ${url}`)
    const [, id = '', rest = ''] = /^\/v1\/accounts\/([^/]+)\/proxy\/(.*)$/u.exec(url) ?? []
    const name = decodeURIComponent(id)
    const known = await ofBroker(broker, headers.authorization, 'GET', '/v1/accounts')
    if (known.status !== 200) {
      refuse(response, known.status, known.body as ErrorBody)
      return
    }
    const account = (known.body as AccountsAnswer).accounts.find((one) => one.id === name || one.label === name)
    if (!account) {
      refuse(response, 403, { error: 'consent_required', error_description: 'The person has not allowed this yet.' })
      return
    }
    if (/^https?:/u.test(rest) && !rest.startsWith(`${api}/`)) {
      const error_description = `The token of this account goes to ${api}/ and nowhere else.`
      refuse(response, 403, { error: 'access_denied', error_description })
      return
    }
    const token = await tokenOf(account.id)
    const parts: Buffer[] = []
    for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part)
    const { authorization: _a, host: _h, connection: _c, 'content-length': _l, ...passed } = headers
    const answer = await fetch(rest.startsWith('http') ? rest : `${api}/${rest}`, {
      method,
      headers: { ...(passed as Record<string, string>), authorization: `Bearer ${token}` },
      ...(parts.length > 0 && { body: Buffer.concat(parts) }),
      redirect: 'manual',
    })
    const body = Buffer.from(await answer.arrayBuffer())
    const text = body.toString('latin1')
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' })
    response.end(text.includes(token) ? text.replaceAll(token, '*'.repeat(token.length)) : body)
  }
  const open = new Set<Socket>()
  const front = createSocketServer((from) => {
    open.add(from)
    from.on('error', () => undefined).once('close', () => open.delete(from))
    from.once('data', (first: Buffer) => {
      from.pause()
      if (/^(?:[A-Z]+ \/v1\/accounts\/[^ ]+\/proxy\/|POST \/v1\/requests )/u.test(first.toString('latin1'))) {
        http.emit('connection', from)
        from.unshift(first)
        process.nextTick(() => from.resume())
        return
      }
      const to = connect(broker)
      to.on('error', () => from.destroy()).once('close', () => from.end())
      from.once('close', () => to.destroy())
      from.unshift(first)
      from.pipe(to)
      to.pipe(from)
    })
  })
  await new Promise<void>((resolve) => front.listen(socket, resolve))
  return {
    socket,
    calls,
    stop: async () => {
      for (const one of open) one.destroy()
      await new Promise((resolve) => front.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function refuse(response: ServerResponse, status: number, body: ErrorBody): void {
  response.writeHead(status, { 'content-type': 'application/json', 'valetkey-error': body.error })
  response.end(JSON.stringify(body))
}

/** A question for the person, made by a token request that does not wait. */
async function ask(broker: string, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part)
  const { right, ...wish } = JSON.parse(Buffer.concat(parts).toString()) as Readonly<Record<string, unknown>>
  const { authorization } = incoming.headers
  const known = await ofBroker(broker, authorization, 'GET', '/v1/accounts')
  const found = (known.body as Partial<AccountsAnswer>).accounts?.find(
    ({ id, label, provider }) => [id, label].includes(String(wish['account'])) || provider === wish['provider'],
  )
  const answer = (status: number, value: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  }
  if (found) {
    answer(200, { state: 'approved', right, account: { id: found.id, label: found.label } })
    return
  }
  const asked = await ofBroker(broker, authorization, 'POST', '/v1/token', { ...wish, interaction: 'notify' })
  const { error, request_id, resolve } = asked.body as Partial<ErrorBody>
  if (error !== 'consent_required' || request_id === undefined) {
    answer(asked.status, asked.body)
    return
  }
  const question = await ofBroker(broker, authorization, 'GET', `/v1/requests/${request_id}`)
  const { code, expires_at } = question.body as { readonly code: string; readonly expires_at: number }
  answer(200, { state: 'pending', right, id: request_id, code, expires_at, resolve })
}

function ofBroker(
  socketPath: string,
  authorization: string | undefined,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers: { host: 'localhost', authorization } }, (answer) => {
      const parts: string[] = []
      answer.setEncoding('utf8').on('data', (text: string) => parts.push(text))
      answer.once('end', () => {
        resolve({ status: answer.statusCode ?? 0, body: JSON.parse(parts.join('')) as unknown })
      })
    })
    call.once('error', reject)
    if (body !== undefined) call.setHeader('content-type', 'application/json')
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
