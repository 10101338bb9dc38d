/**
 * `valetkey mcp` asked by the official SDK's own client, over stdio and over streamable HTTP, with the real daemon behind
 * it: what an agent can do, what it is told when it may not, and that no token is ever among what was said.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { onePixel } from '../fakes/echo-api.ts'
import { callTool, startAgent, type Agent } from '../setup/agent.ts'
import { follow, letIn, startAgentHouse, type AgentHouse } from '../setup/agent-house.ts'
import { collect, firstLine, newHome, removeHome, startCli, until } from '../setup/daemon.ts'

let house: AgentHouse
let agent: Agent
beforeAll(async () => {
  house = await startAgentHouse()
  agent = await startAgent('claims helper', house.daemon.paths.home, house.env)
})
afterAll(async () => {
  await agent.stop()
  await house.stop()
})

const clientTokens = (): readonly string[] => {
  const folder = house.daemon.paths.clients
  return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8').trim())
}

/** Every secret there is, in none of its usual spellings. */
async function expectNoSecret(said: string): Promise<void> {
  const secrets = [...(await house.provider.issued()), ...clientTokens()]
  expect(secrets.length).toBeGreaterThan(3)
  for (const secret of secrets)
    for (const form of [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)])
      expect(said.includes(form), `one of ${String(secrets.length)} secrets was said`).toBe(false)
}

describe('an agent over stdio', () => {
  it('sees four tools, and none that gives a token', async () => {
    const { tools } = await agent.client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['list_accounts', 'call_api', 'request_access', 'request_status'])
    for (const { inputSchema } of tools) expect(inputSchema).toMatchObject({ additionalProperties: false })
    expect(agent.client.getInstructions()).toContain('request_access')
  })

  it('is paired by the person, once, with a code both show', async () => {
    const first = await agent.call('list_accounts')
    expect(first).toMatchObject({ isError: true, structured: { error: 'pairing_required' } })
    expect(first.text).toMatch(/^code: \d{3}-\d{3}$/mu)
    expect(first.text).toMatch(/^run: valetkey approve \S+$/mu)
    await until(() => (agent.said().includes('claims helper asks to be paired') ? true : undefined))
    const { requests } = JSON.parse((await house.daemon.cli(['requests', '--json'])).stdout) as {
      requests: { client: unknown }[]
    }
    expect(requests).toHaveLength(1)
    expect(requests[0]?.client).toEqual({ name: 'claims helper', kind: 'agent' })
    await follow(house.daemon, first)
    const second = await until(async () => {
      const answer = await agent.call('list_accounts')
      return answer.isError ? undefined : answer
    })
    expect(second.structured).toEqual({ accounts: [] })
    const [name = ''] = readdirSync(house.daemon.paths.clients)
    expect(name).toMatch(/^mcp-stdio-claims-helper-[\da-f]{16}\.token$/u)
    expect(statSync(join(house.daemon.paths.clients, name)).mode & 0o777).toBe(0o600)
    expect(statSync(house.daemon.paths.clients).mode & 0o777).toBe(0o700)
  })

  it('asks for access, shows what the person has to do, and sees what they decided', async () => {
    const refused = await agent.call('call_api', { account: 'ada', path: '/echo' })
    expect(refused).toMatchObject({ isError: true, structured: { error: 'consent_required' } })
    expect(refused.text).toMatch(/^call: request_access$/mu)
    const asked = await agent.call('request_access', { account: 'ada', reason: 'to file the claim' })
    expect(asked).toMatchObject({ isError: false, structured: { state: 'pending' } })
    const request_id = String(asked.structured['request_id'])
    expect((await agent.call('request_status', { request_id })).structured).toMatchObject({ state: 'pending' })
    const { stdout } = await house.daemon.cli(['requests', '--json'])
    expect(stdout).toContain('to file the claim')
    await follow(house.daemon, asked, ['--right', 'use', '--for', 'always'])
    expect((await agent.call('request_status', { request_id })).structured).toMatchObject({
      request_id,
      state: 'approved',
    })
    expect((await agent.call('list_accounts')).structured).toMatchObject({
      accounts: [{ label: 'ada', provider: 'generic-oidc', rights: ['use'] }],
    })
    expect((await agent.call('request_access', { account: 'ada' })).structured).toMatchObject({ state: 'approved' })
  })

  it('calls the API with a credential it does not see, even when the API repeats it', async () => {
    const { isError, text } = await agent.call('call_api', {
      account: 'ada',
      method: 'POST',
      path: '/echo?claim=7',
      headers: { 'X-Claim': '7' },
      body: { amount: 12 },
    })
    expect(isError).toBe(false)
    expect(house.api.credentials.at(-1)).toMatch(/^Bearer \S{20,}$/u)
    const [head = '', body = ''] = text.split('\n')
    expect(JSON.parse(head)).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
    expect(head).not.toContain('set-cookie')
    expect(JSON.parse(body)).toMatchObject({
      method: 'POST',
      url: '/echo?claim=7',
      body: '{"amount":12}',
      headers: {
        'x-claim': '7',
        'content-type': 'application/json',
        authorization: expect.stringMatching(/^Bearer \*+$/u) as string,
      },
    })
  })

  it('is shown text, cut text, pictures, and what bytes are; an API’s refusal is an answer', async () => {
    const url = `${house.api.url}/big`
    const big = await agent.call('call_api', { account: 'ada', url })
    expect(big.content).toHaveLength(3)
    expect(big.text).toMatch(/\[cut here: the first 65536 bytes, \S+/u)
    // 65 536 bytes end in the middle of a character of two.
    expect(big.text.split('\n')[1]).toBe(`x${'é'.repeat(32_767)}`)
    const bytes = await agent.call('call_api', { account: 'ada', path: '/bytes' })
    expect(bytes.text).toContain('[4 bytes of application/octet-stream; not text, so not shown]')
    const picture = await agent.call('call_api', { account: 'ada', path: '/picture' })
    expect(picture.content[1]).toEqual({ type: 'image', data: onePixel, mimeType: 'image/png' })
    const missing = await agent.call('call_api', { account: 'ada', path: '/missing' })
    expect(missing.isError).toBe(false)
    expect(missing.text).toContain('"status":404')
    expect(missing.text).toContain('no_such_thing')
  })

  it('has a client token that reads no token', async () => {
    const [VALETKEY_CLIENT_TOKEN = ''] = clientTokens()
    const read = await house.daemon.cli(['token', 'ada', '--interaction', 'never'], { env: { VALETKEY_CLIENT_TOKEN } })
    expect(read).toMatchObject({ code: 5, stdout: '' })
  })

  it('was never told a secret: of all that went in and out, none is one', async () => {
    expect(agent.spoken()).toContain('Bearer ****')
    await expectNoSecret(agent.spoken())
  })

  it('is known again the next time, by its name', async () => {
    const again = await startAgent('claims helper', house.daemon.paths.home, house.env)
    onTestFinished(() => again.stop())
    expect((await again.call('list_accounts')).structured).toMatchObject({ accounts: [{ label: 'ada' }] })
    expect(again.said()).toBe('')
  })

  it('is told what to do when there is no broker', async () => {
    const home = newHome()
    const lost = await startAgent('lost', home)
    onTestFinished(() => lost.stop())
    const answer = await lost.call('list_accounts')
    expect(answer).toMatchObject({ isError: true, structured: { error: 'not_running' } })
    expect(answer.text).toContain('run: valetkey daemon')
    removeHome(home)
  })

  it('ends with its agent', async () => {
    const child = startCli(house.daemon.paths.home, ['mcp'], house.env)
    const result = collect(child)
    child.stdin?.end()
    expect(await result).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

describe('an agent over streamable HTTP', () => {
  it('lists tools, is paired, and calls the API; its secret makes nobody else of it', async () => {
    const child = startCli(house.daemon.paths.home, ['mcp', '--http', '--json'], house.env)
    onTestFinished(() => void child.kill('SIGKILL'))
    const result = collect(child)
    const said: string[] = []
    const { url, authorization } = JSON.parse(await firstLine(child)) as { url: string; authorization: string }
    const connect = async (name: string): Promise<Client> => {
      const client = new Client({ name, version: '1' })
      const transport = new StreamableHTTPClientTransport(new URL(url), {
        requestInit: { headers: { Authorization: authorization } },
        fetch: async (input, init) => {
          const answer = await fetch(input, init)
          said.push(
            await answer
              .clone()
              .text()
              .catch(() => ''),
          )
          return answer
        },
      })
      await client.connect(transport)
      return client
    }
    // The name of one that this machine started, which has consents of its own.
    const client = await connect('claims helper')
    expect((await client.listTools()).tools).toHaveLength(4)
    expect((await callTool(client, 'list_accounts', {})).structured).toMatchObject({ error: 'pairing_required' })
    const call = (name: string, args: Record<string, unknown> = {}): ReturnType<typeof callTool> =>
      callTool(client, name, args)
    await letIn(house, { call })
    const answer = await until(async () => {
      const one = await call('call_api', { account: 'ada', path: '/echo' })
      return one.isError ? undefined : one
    })
    expect(answer.text).toContain('Bearer ****')
    await expect(connect('another agent')).rejects.toThrow('another agent’s')
    const again = await connect('claims helper')
    expect((await callTool(again, 'list_accounts', {})).structured).toMatchObject({ accounts: [{ label: 'ada' }] })
    await expectNoSecret(said.join(''))
    await Promise.all([client.close(), again.close()])
    child.kill('SIGTERM')
    expect(await result).toMatchObject({ code: 0 })
  })
})

describe('an agent the person does not want', () => {
  it('is told no, and does not ask again', async () => {
    const other = await startAgent('claims-helper', house.daemon.paths.home, house.env)
    onTestFinished(() => other.stop())
    const first = await other.call('list_accounts')
    expect(first.structured).toMatchObject({ error: 'pairing_required' })
    await house.daemon.cli(['deny', String(first.structured['request_id'])])
    const denied = await until(async () => {
      const answer = await other.call('list_accounts')
      return answer.structured['error'] === 'access_denied' ? answer : undefined
    })
    expect(denied.text).toContain('The person said no.')
    expect((await other.call('list_accounts')).structured).toMatchObject({ error: 'access_denied' })
    expect(JSON.parse((await house.daemon.cli(['requests', '--json'])).stdout)).toEqual({ requests: [] })
  })
})

/** Preloaded into a program: says at its end which files it has loaded. */
const spy = `
  import { writeSync } from 'node:fs'
  import { createRequire } from 'node:module'
  process.on('exit', () => writeSync(2, 'loaded: ' + JSON.stringify(Object.keys(createRequire('/').cache)) + '\\n'))`

describe('what it takes along', () => {
  it('is in files of its own: asking for a token loads none of them', async () => {
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(spy)}` }
    const loaded = async (args: readonly string[]): Promise<readonly string[]> => {
      const { stderr } = await house.daemon.cli(args, { env })
      const files = JSON.parse(/^loaded: (.*)$/mu.exec(stderr)?.[1] ?? '[]') as readonly string[]
      return files.map((path) => basename(path))
    }
    expect(await loaded(['token', 'ada'])).toEqual(['cli.cjs', 'cli-errors.cjs', 'cli-trust.cjs'])
    expect(await loaded(['accounts'])).toContain('cli-program.cjs')
    expect(await loaded(['accounts'])).not.toContain('cli-mcp.cjs')
  })
})
