/** What the command line asks on a terminal: a real one, made by script(1), with the stand-in broker behind it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cleanEnvironment, collect, until } from '../setup/daemon.ts'
import { type Answer, startStandIn, type StandIn } from '../unit/cli/stand-in-broker.ts'

const cli = join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs')
const request = {
  ...{ id: 'r1', kind: 'access', state: 'pending', client: { id: 'c1', name: 'deploy', kind: 'script' } },
  account: { id: 'a1', label: 'ada', provider: 'p', provider_name: 'Example' },
  ...{ scope: 'read', right: 'read', reason: 'nightly\u001b[2J', created_at: 1, expires_at: 2, waiting: 1 },
}

let broker: StandIn
beforeEach(async () => {
  broker = await startStandIn()
})
afterEach(async () => {
  await broker.close()
})

interface Typing {
  readonly child: ChildProcess
  shown(): string
  /** Types when this has been shown. */
  answer(prompt: string, text: string): Promise<void>
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string }>
}

function onTerminal(args: string, env: Record<string, string> = {}): Typing {
  const command = `${process.execPath} ${cli} ${args}`
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: cleanEnvironment(broker.home, { TERM: 'xterm', ...env }),
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  return {
    child,
    shown: () => text,
    answer: async (prompt, typed) => {
      await until(() => (text.includes(prompt) ? true : undefined))
      child.stdin.write(typed)
    },
    ended: collect(child),
  }
}

const called = (method: string): readonly unknown[] =>
  broker.received.filter(({ target }) => target === `/v1/window/${method}`).map(({ body }) => body)

describe('approving', () => {
  it('shows who asks for what, and takes the code from the keyboard, twice if need be', async () => {
    broker.routes.set('window/snapshot', () => ({ value: { requests: [request] } }))
    broker.routes.set('window/approve', ({ body }): Answer =>
      (body as { code: string }).code === '123-456'
        ? { value: { ...request, state: 'approved' } }
        : { refusal: { error: 'access_denied', error_description: 'That is not the code.' } },
    )
    const typing = onTerminal('approve r1 --for 1h')
    await typing.answer('code that deploy shows: ', '111-111\r')
    await until(() => (typing.shown().split('code that deploy shows: ').length > 2 ? true : undefined))
    await typing.answer('That is not the code.', '123-456\r')
    expect((await typing.ended).code).toBe(0)
    expect(typing.shown()).toContain('deploy (script) wants to read tokens of ada at Example')
    expect(typing.shown()).toContain('their reason, unverified: nightly\\u{1b}[2J')
    expect(called('approve')).toEqual([
      { id: 'r1', code: '111-111', for: '1h' },
      { id: 'r1', code: '123-456', for: '1h' },
    ])
  })

  it('decides nothing when nothing is typed', async () => {
    broker.routes.set('window/snapshot', () => ({ value: { requests: [request] } }))
    const typing = onTerminal('approve r1')
    await typing.answer('code that deploy shows: ', '\r')
    expect((await typing.ended).code).toBe(2)
    expect(called('approve')).toEqual([])
  })
})

describe('unlocking', () => {
  it('does not show the passphrase', async () => {
    const vault = (state: string): Answer => ({ value: { vault: { state, protection: 'passphrase' } } })
    broker.routes.set('window/snapshot', () => vault('locked'))
    broker.routes.set('window/unlock', () => vault('unlocked'))
    const typing = onTerminal('unlock')
    await typing.answer('passphrase: ', 'hunterX\u007f2\r')
    expect((await typing.ended).code).toBe(0)
    expect(called('unlock')).toEqual([{ passphrase: 'hunter2' }])
    expect(typing.shown()).toContain('unlocked')
    expect(typing.shown()).not.toMatch(/hunter|\*/u)
  })
})

describe('pasting an address', () => {
  const waiting = {
    ...{
      id: 's1',
      provider: 'p',
      provider_name: 'Example',
      flow: 'browser',
      redirect: 'paste',
      state: 'waiting',
      expires_at: 1,
    },
    authorization_url: 'https://login.example/',
  }

  it('takes one longer than a terminal’s line, and another after a wrong one', async () => {
    const long = `http://127.0.0.1/callback?code=${'x'.repeat(6000)}`
    let finish = (_answer: Answer): void => undefined
    const end = new Promise<Answer>((resolve) => {
      finish = resolve
    })
    broker.routes.set('window/describeProvider', () => ({ value: { variables: [] } }))
    broker.routes.set('window/link', () => ({ value: waiting }))
    broker.routes.set('window/awaitSignIn', () => end)
    broker.routes.set('window/submitRedirect', ({ body }): Answer => {
      if ((body as { url: string }).url !== long)
        return { refusal: { error: 'invalid_request', error_description: 'That is not the address.' } }
      finish({
        value: {
          sign_in: { ...waiting, state: 'done' },
          account: { id: 'a1', label: 'ada', provider_name: 'Example', scope: '' },
        },
      })
      return { value: waiting }
    })
    const typing = onTerminal('link p --redirect paste --no-browser')
    await typing.answer('address: ', 'nonsense\r')
    await typing.answer('That is not the address.', `${long}\r`)
    expect((await typing.ended).code).toBe(0)
    expect(called('submitRedirect')).toEqual([
      { id: 's1', url: 'nonsense' },
      { id: 's1', url: long },
    ])
  })

  it('is given up with Ctrl-C', async () => {
    broker.routes.set('window/describeProvider', () => ({ value: { variables: [] } }))
    broker.routes.set('window/link', () => ({ value: waiting }))
    broker.routes.set('window/awaitSignIn', () => new Promise(() => undefined))
    broker.routes.set('window/cancelSignIn', () => ({ value: { ...waiting, state: 'cancelled' } }))
    const typing = onTerminal('link p --redirect paste --no-browser')
    await typing.answer('address: ', '\u0003')
    expect((await typing.ended).code).toBe(130)
    expect(called('cancelSignIn')).toEqual([{ id: 's1' }])
  })
})

describe('a table', () => {
  const heading = '\u001b[1mNAME'
  it('has a bold heading, unless NO_COLOR is set', async () => {
    const clients = [{ id: 'c', name: 'deploy', kind: 'script', paired_at: 1 }]
    broker.routes.set('window/snapshot', () => ({ value: { clients } }))
    const plain = onTerminal('clients', { NO_COLOR: '1' })
    expect((await plain.ended).code).toBe(0)
    expect(plain.shown()).toMatch(/^NAME /u)
    const bold = onTerminal('clients')
    expect((await bold.ended).code).toBe(0)
    expect(bold.shown()).toContain(heading)
  })
})
