/**
 * What the service worker does for its pages: pair, look, ask for an account, call an API. The rule: a page is told what
 * came of it and never how; the client token is read when it is needed, and an access token lives inside `fetch` alone.
 */
import { connect, ValetkeyError, type CallOptions, type Client } from '../js/service-worker.ts'
import { runtime } from './chrome.ts'
import type { Account, Ask, Problem, View } from './messages.ts'
import { readSettings, readToken, type Settings, writeToken } from './settings.ts'

/** Seconds the person has to answer. */
const patience = 120
/** Milliseconds between signs of life: a worker that nobody calls is ended after thirty seconds, also while it waits. */
const heartbeat = 20_000
/** Characters of an API's answer that are shown. */
const shown = 4_000

export interface Desk {
  readonly view: View
  /** Does what a page asks; `changed` is called whenever the view has become another. Never rejects. */
  act(ask: Ask): Promise<void>
}

export function createDesk(changed: () => void): Desk {
  // Nothing is known before the first look, which every page begins with.
  let view: View = { paired: false, busy: true, api: '' }
  let working = false
  let stop = new AbortController()
  let clients: { readonly key: string; readonly client: Client } | undefined

  const show = (next: View): void => {
    view = next
    changed()
  }
  const clientFor = (settings: Settings, clientToken: string | undefined): Client => {
    const { channel, url, publicKey } = settings
    const key = JSON.stringify([channel, url, publicKey, clientToken])
    if (clients?.key === key) return clients.client
    clients?.client.close()
    const http = channel === 'http' ? { url, publicKey } : undefined
    clients = { key, client: connect({ clientToken, http }) }
    return clients.client
  }
  const waiting = (): CallOptions => ({
    signal: stop.signal,
    onPending: ({ code }) => {
      show({ ...view, code })
    },
  })
  /** What the page is to show when `ask` is done. Throws what went wrong. */
  const perform = async (ask: Exclude<Ask, { readonly do: 'stop' }>, settings: Settings): Promise<View> => {
    const { channel, api } = settings
    if (ask.do === 'pair') {
      const client = clientFor(settings, undefined)
      const answer = await client.pair({ name: runtime.getManifest().name, kind: 'extension' }, waiting())
      await writeToken(channel, answer.client_token)
    }
    const clientToken = await readToken(channel)
    if (clientToken === undefined) return { paired: false, busy: false, api }
    const client = clientFor(settings, clientToken)
    if (ask.do === 'request')
      await client.getToken(
        {
          ...(ask.account !== '' && { account: ask.account }),
          ...{ timeout: patience, reason: 'to call an API for you' },
        },
        waiting(),
      )
    const result = ask.do === 'call' ? await callApi(client, ask.account, api, stop.signal) : undefined
    const { accounts } = await client.accounts({ signal: stop.signal })
    return { paired: true, busy: false, api, accounts: accounts.map(rowOf), ...(result && { result }) }
  }
  /** Also forgets a pairing that the person has taken back. */
  const explain = async (thrown: unknown, { channel, api }: Settings): Promise<View> => {
    const found = problemOf(thrown)
    const gone = found.code === 'invalid_client'
    if (gone) await writeToken(channel, '')
    const problem = gone ? { code: found.code, message: 'Its pairing was taken back. It can be paired anew.' } : found
    const paired = (await readToken(channel)) !== undefined
    return { paired, busy: false, api, ...(paired && view.accounts && { accounts: view.accounts }), problem }
  }
  return {
    get view() {
      return view
    },
    act: async (ask) => {
      if (ask.do === 'stop') {
        stop.abort()
        return
      }
      if (working) {
        changed()
        return
      }
      working = true
      stop = new AbortController()
      const { code: _code, problem: _problem, result: _result, ...rest } = view
      show({ ...rest, busy: true })
      const alive = setInterval(() => void runtime.getPlatformInfo(), heartbeat)
      const next = await readSettings()
        .then((settings) => perform(ask, settings).catch((thrown: unknown) => explain(thrown, settings)))
        .catch((thrown: unknown): View => ({ ...rest, busy: false, problem: problemOf(thrown) }))
      clearInterval(alive)
      working = false
      show(next)
    },
  }
}

const rowOf = ({ id, label, provider, state }: Account): Account => ({ id, label, provider, state })

async function callApi(
  client: Client,
  account: string,
  api: string,
  signal: AbortSignal,
): Promise<NonNullable<View['result']>> {
  if (api === '') throw new ValetkeyError('invalid_request', 'Say in the settings which address is to be called.')
  const answer = await client.fetch(account, api, { signal, cache: 'no-store', redirect: 'error' })
  return { account, status: answer.status, text: (await answer.text()).slice(0, shown) }
}

function problemOf(thrown: unknown): Problem {
  if (thrown instanceof ValetkeyError) {
    const { code, message, resolve } = thrown
    return { code, message, ...(resolve && { command: resolve.command }) }
  }
  if (thrown instanceof DOMException && thrown.name === 'AbortError')
    return { code: 'stopped', message: 'You stopped waiting; the question is withdrawn.' }
  if (thrown instanceof TypeError)
    return { code: 'unreachable', message: 'The API cannot be reached. May this extension go to its address?' }
  return { code: 'fault', message: 'The browser did not give this extension what it keeps.' }
}
