/**
 * Linking, pairing and approving the way a person does, with the command line and without a window. The rule: everything
 * goes through the real daemon's doors; only the browser is played, by `visit`.
 */
import { visit, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, firstLine, startCli, until, type CommandResult, type RunningDaemon } from './daemon.ts'

/** Links `login` at the provider under `label`; throws with what was said when it fails. */
export async function linkAccount(
  daemon: RunningDaemon,
  provider: IdentityProvider,
  {
    login,
    label = login,
    args = [],
    definition = 'generic-oidc',
  }: {
    readonly login: string
    readonly label?: string
    readonly args?: readonly string[]
    /** The id of another definition that signs in at this provider. */
    readonly definition?: string
  },
): Promise<CommandResult> {
  const linking = startCli(daemon.paths.home, [
    ...['link', definition, '--param', `issuer=${provider.issuer}`, '--client-id', provider.client_id],
    ...['--label', label, '--no-browser', ...args],
  ])
  const result = collect(linking)
  const url = await firstLine(linking).catch(async () => {
    throw new Error((await result).stderr)
  })
  await fetch(await visit(url, { login }))
  const ended = await result
  if (ended.code !== 0) throw new Error(`linking failed: ${ended.stderr}`)
  return ended
}

/** Pairs a program and approves it with the code it shows. Answers its client token. */
export async function pairProgram(daemon: RunningDaemon, name: string, kind = 'script'): Promise<string> {
  const pairing = startCli(daemon.paths.home, ['pair', name, '--kind', kind, '--json'])
  const said: string[] = []
  pairing.stderr?.setEncoding('utf8').on('data', (text: string) => said.push(text))
  const result = collect(pairing)
  const code = await until(() => /\b\d{3}-\d{3}\b/u.exec(said.join(''))?.[0])
  const id = await until(async () => {
    const { requests } = JSON.parse((await daemon.cli(['requests', '--json'])).stdout) as {
      requests: { id: string; kind: string }[]
    }
    return requests.find((request) => request.kind === 'pair')?.id
  })
  await approve(daemon, id, code, [])
  const { code: exit, stdout, stderr } = await result
  if (exit !== 0) throw new Error(`pairing failed: ${stderr}`)
  return (JSON.parse(stdout) as { client_token: string }).client_token
}

/** Types the code; throws with what was said when it is not taken. */
export async function approve(
  daemon: RunningDaemon,
  id: string,
  code: string,
  args: readonly string[] = ['--for', 'always'],
): Promise<void> {
  const { code: exit, stderr } = await daemon.cli(['approve', id, '--code', code, ...args])
  if (exit !== 0) throw new Error(`approving failed: ${stderr}`)
}
