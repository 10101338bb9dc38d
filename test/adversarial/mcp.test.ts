/**
 * What an agent that was talked into harm tries, and what others try at its HTTP door. The rule: beside the refusal each
 * row asserts that nothing reached the API, and that the account's credential went nowhere.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startAgent, type Agent } from '../setup/agent.ts'
import { letIn, startAgentHouse, type AgentHouse } from '../setup/agent-house.ts'
import { collect, firstLine, startCli, until } from '../setup/daemon.ts'
import { sendRaw } from '../unit/endpoint/wire.ts'

let house: AgentHouse
let agent: Agent
beforeAll(async () => {
  house = await startAgentHouse()
  agent = await startAgent('gullible', house.daemon.paths.home, house.env)
  await letIn(house, agent)
  await until(async () => ((await agent.call('list_accounts')).isError ? undefined : true))
})
afterAll(async () => {
  await agent.stop()
  await house.stop()
})

/** Calls that are refused before they leave this process, by what they try. */
const refused: readonly (readonly [name: string, call: Record<string, unknown>, error: string])[] = [
  ['an Authorization header', { path: '/echo', headers: { Authorization: 'Bearer mine' } }, 'access_denied'],
  ['the same in other letters', { path: '/echo', headers: { aUTHORIZATION: 'Bearer mine' } }, 'access_denied'],
  ['a cookie', { path: '/echo', headers: { Cookie: 'session=1' } }, 'access_denied'],
  ['another Host', { path: '/echo', headers: { Host: 'evil.example' } }, 'access_denied'],
  ['a header of ours', { path: '/echo', headers: { 'Valetkey-Interaction': 'prompt' } }, 'access_denied'],
  ['a length', { path: '/echo', headers: { 'Content-Length': '0' } }, 'access_denied'],
  ['a second request in a header', { path: '/echo', headers: { 'X-A': 'b\r\n\r\nGET / HTTP/1.1' } }, 'invalid_request'],
  ['a second header in a name', { path: '/echo', headers: { 'X-A: b\r\nAuthorization': 'x' } }, 'invalid_request'],
  ['a second request in the path', { path: '/echo HTTP/1.1\r\nHost: x\r\n\r\n' }, 'invalid_request'],
  ['a space in the path', { path: '/echo HTTP/1.1' }, 'invalid_request'],
  ['dot segments', { path: '/../../../v1/token' }, 'invalid_request'],
  ['encoded dot segments', { path: '/%2e%2e/%2E%2e/echo' }, 'invalid_request'],
  ['a dot segment behind an encoded slash', { path: '/a%2f..%2fecho' }, 'invalid_request'],
  ['a dot segment before a parameter', { path: '/..;x/echo' }, 'invalid_request'],
  ['backslashes', { path: '/..\\echo' }, 'invalid_request'],
  ['two slashes', { path: '//evil.example/echo' }, 'invalid_request'],
  ['a URL as the path', { path: 'https://evil.example/echo' }, 'invalid_request'],
  ['a file', { url: 'file:///etc/passwd' }, 'invalid_request'],
  ['a path and a URL', { path: '/echo', url: 'https://api.example/echo' }, 'invalid_request'],
  ['neither', {}, 'invalid_request'],
  ['a method of its own', { path: '/echo', method: 'TRACE' }, 'invalid_request'],
  ['an argument that is not there', { path: '/echo', token: true }, 'invalid_request'],
]

describe('Threat 18: an agent as a confused deputy', () => {
  it.each(refused)('Threat 18: %s', async (_name, call, error) => {
    const before = house.api.credentials.length
    const answer = await agent.call('call_api', { account: 'ada', ...call })
    expect(answer).toMatchObject({ isError: true, structured: { error } })
    expect(house.api.credentials).toHaveLength(before)
    expect(house.api.credentials).toHaveLength(0)
  })

  it('Threat 18: another host, and a host that only begins like the API’s', async () => {
    const others = [
      ['https://evil.example/echo', 'access_denied'],
      [`${house.api.url.replace(/:\d+$/u, '')}.evil.example/echo`, 'access_denied'],
      [`${house.api.url}.evil.example/echo`, 'invalid_request'],
      [`${house.api.url}@evil.example/`, 'invalid_request'],
    ] as const
    for (const [url, error] of others) {
      const answer = await agent.call('call_api', { account: 'ada', url })
      expect(answer, url).toMatchObject({ isError: true, structured: { error } })
    }
    expect(house.api.credentials).toHaveLength(0)
  })

  it('Threat 18: an account that is not its own, however it is written', async () => {
    for (const account of ['grace', 'cli', '../ada', 'ada/proxy/x', '%61da'])
      expect(await agent.call('call_api', { account, path: '/echo' }), account).toMatchObject({ isError: true })
    expect(house.api.credentials).toHaveLength(0)
  })

  it('Threat 18: a tool that gives a token, and the right to read one', async () => {
    for (const name of ['get_token', 'token', 'call_api\n', '__proto__', 'constructor'])
      expect(await agent.call(name, { account: 'ada' })).toMatchObject({
        isError: true,
        structured: { error: 'not_found' },
      })
    expect(await agent.call('request_access', { account: 'ada', right: 'read' })).toMatchObject({
      isError: true,
      structured: { error: 'invalid_request' },
    })
    expect(await agent.call('request_status', { request_id: '../token' })).toMatchObject({ isError: true })
  })

  it('Threat 18: none of it told a token', async () => {
    const said = agent.spoken()
    for (const token of await house.provider.issued()) expect(said.includes(token)).toBe(false)
  })
})

describe('the HTTP door', () => {
  let host = ''
  let authorization = ''
  let end: () => Promise<unknown>
  beforeAll(async () => {
    const child = startCli(house.daemon.paths.home, ['mcp', '--http', '--json'], house.env)
    const result = collect(child)
    const started = JSON.parse(await firstLine(child)) as { url: string; authorization: string }
    host = new URL(started.url).host
    ;({ authorization } = started)
    end = () => {
      child.kill('SIGTERM')
      return result
    }
  })
  afterAll(() => end())

  const initialize = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
  })
  const send = (
    headers: readonly string[],
    { body = initialize, line = 'POST /mcp HTTP/1.1' }: { readonly body?: string; readonly line?: string } = {},
  ): ReturnType<typeof sendRaw> => {
    const head = [line, ...headers, 'Content-Type: application/json', 'Accept: application/json, text/event-stream']
    const length = `Content-Length: ${String(Buffer.byteLength(body))}`
    return sendRaw(Number(host.split(':')[1]), `${[...head, length, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`)
  }

  it('Threat 1: begins with the right secret alone', async () => {
    const own = `Host: ${host}`
    expect((await send([own, `Authorization: ${authorization}`])).status).toBe(200)
    for (const wrong of [[], ['Authorization: Bearer x'], [`Authorization: ${authorization}x`]])
      expect((await send([own, ...wrong])).status).toBe(401)
    expect((await send([own, `Authorization: ${authorization}`, `Authorization: ${authorization}`])).status).toBe(401)
  })

  it('Threat 1: no web page, whatever its Origin', async () => {
    for (const page of ['https://evil.example', 'null', `http://${host}`])
      expect((await send([`Host: ${host}`, `Authorization: ${authorization}`, `Origin: ${page}`])).status).toBe(403)
    const site = ['Sec-Fetch-Site: cross-site']
    expect((await send([`Host: ${host}`, `Authorization: ${authorization}`, ...site])).status).toBe(403)
    const preflight = await send([`Host: ${host}`, 'Origin: https://evil.example'], {
      line: 'OPTIONS /mcp HTTP/1.1',
      body: '',
    })
    expect(preflight.status).toBe(405)
    expect(preflight.all).not.toMatch(/access-control-/iu)
  })

  it('Threat 2: no other Host', async () => {
    const port = host.split(':')[1] ?? ''
    for (const name of [`localhost:${port}`, `evil.example:${port}`, '127.0.0.1', `0.0.0.0:${port}`, `[::1]:${port}`])
      expect((await send([`Host: ${name}`, `Authorization: ${authorization}`])).status, name).toBe(403)
    expect((await send([`Host: ${host}`, `Host: ${host}`, `Authorization: ${authorization}`])).status).toBe(400)
  })

  it('Threat 1: a session that is not there, a body that is none, one that is too long', async () => {
    const own = [`Host: ${host}`, `Authorization: ${authorization}`]
    expect((await send([...own, 'Mcp-Session-Id: 00000000-0000-4000-8000-000000000000'])).status).toBe(404)
    expect((await send(own, { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' })).status).toBe(400)
    expect((await send(own, { body: '{' })).status).toBe(400)
    expect((await send(own, { body: JSON.stringify('x'.repeat(2_200_000)) })).status).toBe(413)
    expect((await send(own, { line: 'POST /mcp/../mcp HTTP/1.1' })).status).toBe(404)
  })
})
