/**
 * `providers`: what can be linked, and a person's own definitions. The rule: before a definition is kept it is said where
 * secrets and tokens would go, and the person types that they want it; what a file says of itself is never trusted more
 * than that.
 */
import { readFileSync } from 'node:fs'
import { BrokerError } from '../../contract/errors.ts'
import type { ProviderDescription } from '../../contract/model.ts'
import { neutralise, print, printJson, say, sayPlain } from '../output.ts'
import { formatTable, printTable } from '../table.ts'
import type { Session } from './session.ts'

/** Every provider, with what it wants to be told. */
export async function listProviders(session: Session): Promise<void> {
  const { providers } = await session.decide('snapshot')
  if (session.json) {
    printJson({ providers })
    return
  }
  const rows = providers.map(({ id, name, built_in, unconfirmed, flows = [], variables }) => {
    const needs = variables.filter(({ required }) => required).map((variable) => variable.name)
    const from = unconfirmed ? 'unconfirmed' : built_in === false ? 'yours' : 'Valetkey'
    return [id, name, from, flows.join(' '), needs.join(' ')]
  })
  printTable(['id', 'name', 'from', 'flows', 'needs'], rows, 'no providers')
}

/** One provider: what it wants, where secrets and tokens go, and its definition, which a file of one's own can begin as. */
export async function showProvider(session: Session, id: string): Promise<void> {
  const found = await session.decide('describeProvider', { id })
  if (session.json) printJson(found)
  else {
    present(found, print)
    print('')
    for (const line of found.text.trimEnd().split('\n')) print(neutralise(line))
  }
}

/** Whether a definition in a file can be used; nothing is kept, and no broker has to run. Throws `invalid_request` with the path of what is wrong. */
export async function validateProvider(session: Session, file: string): Promise<void> {
  const text = read(file)
  const { describeText } = await import('../../providers/library.ts')
  const found = await describeText(text)
  if (session.json) printJson(found)
  else {
    present(found, print)
    say(`${neutralise(file)} can be used; nothing was kept`)
  }
}

/** Keeps a definition, once the person has seen where things would go. */
export async function addProvider(session: Session, file: string, { yes }: { readonly yes?: boolean }): Promise<void> {
  const text = read(file)
  const found = await session.decide('describeProvider', { text })
  // Whoever is asked has seen it; a program that reads JSON gets nothing else.
  if (!session.json || (!yes && session.input.isTerminal)) present(found, sayPlain)
  if (!yes) await requireYes(session, found)
  const added = await session.decide('addProvider', { text })
  if (session.json) printJson(added)
  say(`${neutralise(added.id)} can be linked now: valetkey link ${neutralise(added.id)}`)
}

/** Forgets a definition of the person's own; accounts linked by it stay as they are. */
export async function removeProvider(session: Session, id: string): Promise<void> {
  const removed = await session.decide('removeProvider', { id })
  if (session.json) printJson(removed)
  say(`${neutralise(removed.id)} is removed; accounts that are linked stay as they are`)
}

/** A definition played through against the provider it describes. Throws `invalid_request` when a check failed. */
export async function testProvider(session: Session, id: string): Promise<void> {
  const { checks } = await session.decide('testProvider', { id }, 60)
  if (session.json) printJson({ checks })
  else
    for (const { name, ok, detail } of checks)
      print(`${ok ? 'ok    ' : 'FAILED'}  ${neutralise(name)}: ${neutralise(detail)}`)
  const failed = checks.filter(({ ok }) => !ok).length
  if (failed > 0)
    throw new BrokerError(
      'invalid_request',
      `${String(failed)} of ${String(checks.length)} checks of ${neutralise(id)} failed.`,
    )
  say(`all ${String(checks.length)} checks passed; whether the real provider is as it says, only it can tell`)
}

/** Characters of a file that are read; a definition may have 65536. */
const LONGEST = 65_536

function read(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new BrokerError('invalid_request', `${JSON.stringify(file)} cannot be read.`, { cause })
  }
  if (text.length > LONGEST)
    throw new BrokerError('invalid_request', `${JSON.stringify(file)} is larger than any definition may be.`)
  return text
}

async function requireYes(session: Session, { id }: ProviderDescription): Promise<void> {
  const resolve = { command: 'valetkey providers add FILE --yes' }
  if (!session.input.isTerminal)
    throw new BrokerError('invalid_request', 'A definition is added on a terminal, or with --yes.', { resolve })
  const typed = await session.input.next(`add ${id}? type yes: `)
  session.input.close()
  if (typed?.trim().toLowerCase() !== 'yes') throw new BrokerError('access_denied', 'Nothing was added.', { resolve })
}

/** What one has to know before a definition is trusted; warnings are words in any case. */
function present(found: ProviderDescription, line: (text: string) => void): void {
  const { id, name, documentation, flows = [], scopes, client_fields: client, variables, endpoints, warnings } = found
  const secret =
    client?.secret === 'none' ? 'none' : `${client?.client_secret?.label ?? 'yes'} (${client?.secret ?? ''})`
  line(`${neutralise(name)} (${neutralise(id)})`)
  if (documentation !== undefined) line(`documentation  ${neutralise(documentation)}`)
  line(`from           ${found.built_in ? 'Valetkey' : 'a file of your own'}`)
  line(`flows          ${flows.join(' ') || '-'}`)
  line(`client id      ${neutralise(client?.client_id?.label ?? 'yes')}`)
  line(`client secret  ${neutralise(secret)}`)
  if (client?.key !== undefined) line('client key     required (--client-key-file)')
  if (found.dpop !== undefined)
    line(
      `tokens         ${found.dpop === 'required' ? '' : 'may be '}bound to a key in the vault (DPoP): used, never handed out`,
    )
  if (found.registration) line('registration   where the provider does it (--register)')
  for (const help of [client?.client_id?.help, client?.client_secret?.help])
    if (help !== undefined) line(`               ${neutralise(help)}`)
  line(`scopes         ${neutralise(scopes.join(' ')) || '-'}`)
  const table = (headings: readonly string[], rows: readonly (readonly string[])[]): void => {
    for (const text of rows.length === 0 ? [] : formatTable(headings, rows)) line(text)
  }
  table(
    ['--param', 'required', 'default', 'example', 'what it is'],
    variables.map((variable) => [
      variable.name,
      variable.required ? 'yes' : 'no',
      variable.default ?? '',
      variable.example ?? '',
      variable.title,
    ]),
  )
  const takesTokens = /^(?:resource\.|identity\.|server\.userinfo_endpoint$)/u
  const api = endpoints.filter(({ name: key }) => takesTokens.test(key))
  const others = endpoints.filter(({ name: key }) => !takesTokens.test(key))
  table(
    ['where things go', 'address'],
    others.map(({ name: key, url }) => [key, url]),
  )
  table(
    ['where tokens may be sent', 'address'],
    api.map(({ name: key, url }) => [key, url]),
  )
  for (const warning of warnings) say(`careful: ${neutralise(warning)}`)
}
