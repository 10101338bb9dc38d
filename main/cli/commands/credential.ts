/**
 * `credential git|docker|kubectl`: tokens for programs that have a protocol of their own for asking. The rule: nothing is
 * stored; what such a program calls a password is an access token, asked for at that moment as `valetkey token` asks (as
 * the command line's own client, or the one in `VALETKEY_CLIENT_TOKEN`); and a refusal is said on stderr in our words and on stdout in the program's.
 */
import type { Interaction, TokenAnswer } from '../../contract/client-api.ts'
import { BrokerError } from '../../contract/errors.ts'
import { callBroker } from '../broker-call.ts'
import { chooseAccount, isNamed, type Choosing, type Chosen, type Server } from '../credential/account.ts'
import { type DockerCredential, notFound, parseServer, parseStored } from '../credential/docker.ts'
import { gitAnswer, gitRefusal, parseGitCredential } from '../credential/git.ts'
import { execCredential, parseExecInfo } from '../credential/kubectl.ts'
import { fail, neutralise, print, printJson, say } from '../output.ts'
import { fetchToken, requireClientToken } from '../token.ts'
import type { Session } from './session.ts'

/** What every command that asks for a token can be told. */
export interface AskOptions {
  readonly scope?: string
  readonly resource?: string
  readonly audience?: string
  /** Seconds. */
  readonly minValid?: number
  readonly interaction?: Interaction
  /** Seconds. */
  readonly timeout?: number
  readonly as?: string
}

export type CredentialOptions = AskOptions & Choosing

/** More than any of these programs says. */
const limit = 65_536

/** The token of `account` for a tool; `reason` is what the person is shown. Throws what the broker refuses with. */
export function askFor(session: Session, account: string, reason: string, options: AskOptions): Promise<TokenAnswer> {
  const { scope, resource, audience, minValid, interaction, timeout, as } = options
  const request = {
    ...{ account, reason },
    ...(scope !== undefined && { scope }),
    ...(resource !== undefined && { resource }),
    ...(audience !== undefined && { audience }),
    ...(minValid !== undefined && { min_valid_period: minValid }),
    ...(interaction !== undefined && { interaction }),
    ...(timeout !== undefined && { timeout }),
  }
  return fetchToken(session.env, request, { json: session.json, ...(as !== undefined && { as }) })
}

/** Throws `invalid_request` for hosts that may have nobody's token. */
function requireWhose({ host, account }: CredentialOptions): void {
  if (host !== undefined && account === undefined)
    throw new BrokerError('invalid_request', 'Say with --account whose token these hosts may have.')
}

/** The account for a server, if there is one. */
async function choose(session: Session, server: Server, options: CredentialOptions): Promise<Chosen | undefined> {
  if (options.as !== undefined) requireClientToken(session.env, options.as)
  const { accounts } = await callBroker(session.env, 'accounts', undefined)
  const chosen = chooseAccount(accounts, server, options)
  if (!chosen && options.account !== undefined) {
    const { host } = new URL(server.origins[0] ?? 'about:blank')
    say(`${neutralise(options.account)} is not for ${neutralise(host)}; --host ${neutralise(host)} would make it so`)
  }
  return chosen
}

/** One call by git; gives the exit status. Without an account for the server nothing is said and git goes on without us. */
export async function credentialGit(session: Session, action: string, options: CredentialOptions): Promise<number> {
  // Nothing is kept, so there is nothing to store; what git learns to do later is to be ignored (gitcredentials(7)).
  if (action !== 'get' && action !== 'erase') return 0
  let isOurs = false
  try {
    requireWhose(options)
    const asked = parseGitCredential(await readInput())
    if (asked.protocol === undefined || asked.host === undefined || !/^https?$/u.test(asked.protocol)) return 0
    const address = `${asked.protocol}://${asked.host}`
    if (!/^[^\s/@?#\\]+$/u.test(asked.host) || !URL.canParse(address))
      throw new BrokerError('invalid_request', `${JSON.stringify(asked.host.slice(0, 64))} is not a host.`)
    const server = {
      origins: [new URL(address).origin],
      ...(asked.username !== undefined && { username: asked.username }),
    }
    isOurs = isNamed(server, options)
    const chosen = await choose(session, server, options).catch((thrown: unknown) => {
      isOurs ||= thrown instanceof BrokerError && thrown.code === 'account_selection_required'
      throw thrown
    })
    if (!chosen) return 0
    isOurs = true
    if (action === 'get') {
      const answer = await askFor(session, chosen.account.id, `git at ${asked.host}`.slice(0, 200), options)
      print(gitAnswer(asked, chosen.username, answer))
    } else await refused(session, chosen, asked.credential ?? asked.password, options)
    return 0
  } catch (thrown) {
    if (isOurs && action === 'get') print(gitRefusal)
    return fail(thrown, session.json, 'credential git')
  }
}

/** A server did not take `token`: if it is still the current one, the next answer is another. */
async function refused(
  session: Session,
  { account }: Chosen,
  token: string | undefined,
  options: CredentialOptions,
): Promise<void> {
  if (token === undefined) return
  const current = await askFor(session, account.id, 'git', { ...options, interaction: 'never' })
  if (current.access_token !== token) return
  await callBroker(session.env, 'invalidate', { account: account.id, token_id: current.token_id }, { wait: 90 })
  say(`the token of ${neutralise(account.label)} was refused and has been replaced; try again`)
}

/** One call by Docker; gives the exit status. What goes wrong is said on stdout, where Docker looks for it, as well. */
export async function credentialDocker(session: Session, action: string, options: CredentialOptions): Promise<number> {
  try {
    requireWhose(options)
    switch (action) {
      case 'get': {
        const found = await dockerCredential(session, parseServer(await readInput()), options)
        if (found) printJson(found)
        else print(notFound)
        return found ? 0 : 1
      }
      case 'list':
        // Docker sends all that is listed to whoever builds an image: only what the person has named for it.
        printJson(Object.fromEntries((options.host ?? []).map((host) => [host, options.username ?? 'oauth2'])))
        return 0
      case 'store': {
        const given = parseStored(await readInput())
        const found = await dockerCredential(session, parseServer(given.ServerURL), options)
        if (found?.Secret === given.Secret) return 0
        throw new BrokerError('invalid_request', 'Valetkey keeps no passwords: link an account for this registry.', {
          resolve: { command: 'valetkey link PROVIDER' },
        })
      }
      case 'erase':
        parseServer(await readInput())
        return 0
      default:
        throw new BrokerError('invalid_request', 'Docker says get, store, erase or list.')
    }
  } catch (thrown) {
    const status = fail(thrown, session.json, 'credential docker')
    if (thrown instanceof BrokerError) print(neutralise(thrown.message))
    return status
  }
}

async function dockerCredential(
  session: Session,
  server: ReturnType<typeof parseServer>,
  options: CredentialOptions,
): Promise<DockerCredential | undefined> {
  const chosen = await choose(session, server, options)
  if (!chosen) return undefined
  const host = new URL(server.origins[0] ?? server.url).host
  const answer = await askFor(session, chosen.account.id, `docker at ${host}`.slice(0, 200), options)
  return { ServerURL: server.url, Username: chosen.username, Secret: answer.access_token }
}

/** One call by kubectl. Where it says that nobody is at the terminal, nobody is asked. */
export async function credentialKubectl(session: Session, options: CredentialOptions): Promise<void> {
  const info = parseExecInfo(session.env['KUBERNETES_EXEC_INFO'])
  const account = options.account ?? (await accountOfCluster(session, info.server, options))
  const answer = await askFor(session, account, 'kubectl', {
    ...(info.interactive === false && { interaction: 'never' }),
    ...options,
  })
  printJson(execCredential(info.apiVersion, answer))
}

async function accountOfCluster(
  session: Session,
  server: string | undefined,
  options: CredentialOptions,
): Promise<string> {
  const chosen =
    server === undefined ? undefined : await choose(session, { origins: [new URL(server).origin] }, options)
  if (chosen) return chosen.account.id
  throw new BrokerError(
    'invalid_request',
    server === undefined
      ? 'Which account? Name it with --account, or set provideClusterInfo: true in the kubeconfig.'
      : `No account is for ${server}; name one with --account.`,
    { resolve: { command: 'valetkey accounts' } },
  )
}

/** What the calling program says: up to its end, or to the empty line that ends it. Throws `invalid_request`. */
async function readInput(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk
    if (text.length > limit) throw new BrokerError('invalid_request', 'That is more than a credential helper is told.')
    if (/\n\n/u.test(text)) break
  }
  return text
}
