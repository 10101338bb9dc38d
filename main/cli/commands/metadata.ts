/**
 * `metadata google|azure`: a metadata server on loopback, for programs that get their tokens from their cloud. The rule:
 * it serves one account that was named and may be read, to whoever knows where it listens; that is told to the person, or to
 * the one program started here.
 */
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { asBrokerError } from '../../contract/errors.ts'
import { callBroker } from '../broker-call.ts'
import { endSignal, parsePort, send, serveLoopback } from '../loopback.ts'
import { azureCloud, azureVariables } from '../metadata/azure.ts'
import { runChild } from '../metadata/child.ts'
import { googleCloud, googleVariables, parseProject } from '../metadata/google.ts'
import {
  tokenSource,
  type Cloud,
  type MetadataAnswer,
  type MetadataRequest,
  type Variables,
} from '../metadata/metadata.ts'
import { fail, neutralise, print, printJson, say } from '../output.ts'
import { announce, requireClientToken } from '../token.ts'
import type { Session } from './session.ts'

export interface MetadataOptions {
  readonly account: string
  readonly port: string
  readonly as?: string
  readonly project?: string
}

/** Seconds the person has for the question at the start. */
const patience = 600

/** Serves until a signal comes, or until `command` has ended; gives the exit status. */
export async function serveMetadata(
  session: Session,
  kind: 'google' | 'azure',
  command: readonly string[],
  options: MetadataOptions,
): Promise<number> {
  const { env } = session
  const port = parsePort(options.port)
  const project = options.project === undefined ? undefined : parseProject(options.project)
  if (options.as !== undefined) requireClientToken(env, options.as)
  const reason = `valetkey metadata ${kind}, for as long as it runs`
  // Asked once by hand: the person is here now, a wrong name is said now, and the account stays the same one from now on.
  const { account } = await callBroker(
    env,
    'token',
    { account: options.account, reason, timeout: patience },
    {
      wait: patience + 15,
      onPending: (pending) => {
        announce(pending, session.json)
      },
    },
  )
  const source = tokenSource(env, account.id, reason)
  const secret = randomBytes(32).toString('base64url')
  const cloud =
    kind === 'google' ? googleCloud(source, project === undefined ? {} : { project }) : azureCloud(source, secret)
  const server = await serveLoopback(port, async ({ method, target }, { headers }, response) => {
    const [path = '', query = ''] = splitTarget(target)
    const request: MetadataRequest = {
      path,
      query: new URLSearchParams(query),
      header: (name) => {
        const value = headers[name]
        return Array.isArray(value) ? value.join(', ') : value
      },
    }
    sendAnswer(response, method === 'GET' ? await answer(session, cloud, request) : methodNotAllowed)
  })
  const variables = kind === 'google' ? googleVariables(server.host) : azureVariables(server.host, secret)
  try {
    if (command.length > 0) return await runChild(session, command, variables)
    show(session, account.label, variables)
    await endSignal()
    return 0
  } finally {
    server.close()
  }
}

async function answer(session: Session, cloud: Cloud, request: MetadataRequest): Promise<MetadataAnswer> {
  try {
    return await cloud.answer(request)
  } catch (thrown) {
    // The program that asked often shows nothing of the answer, and the person may be reading here.
    fail(thrown, session.json)
    return cloud.refuse(asBrokerError(thrown), request)
  }
}

function sendAnswer(response: ServerResponse, { status, type, body, headers = {} }: MetadataAnswer): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  send(response, status, type, body)
}

const methodNotAllowed: MetadataAnswer = {
  status: 405,
  type: 'text/plain; charset=utf-8',
  body: 'Use GET.',
  headers: { Allow: 'GET' },
}

function splitTarget(target: string): readonly string[] {
  const mark = target.indexOf('?')
  return mark === -1 ? [target] : [target.slice(0, mark), target.slice(mark + 1)]
}

function show(session: Session, label: string, variables: Variables): void {
  if (session.json) {
    printJson({ env: variables })
    return
  }
  for (const [name, value] of Object.entries(variables)) print(`${name}=${value}`)
  say(`tokens of ${neutralise(label)} for programs with these variables in their environment (Ctrl-C ends)`)
}
