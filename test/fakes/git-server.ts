/**
 * A git server over http: git's own `git http-backend` (git-http-backend(1)) behind HTTP Basic authentication that takes an
 * access token for the password, as GitHub and GitLab do. The rule: what git says is git's; ours is only who gets in, and
 * that is asked of the identity provider that gave the token (RFC 7662).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface GitServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** User names and passwords that were tried, in order. */
  readonly tried: readonly { readonly username: string; readonly password: string }[]
  /** From now on this server takes that token no more, as after an administrator has said so. */
  refuse(token: string): void
  stop(): Promise<void>
}

/** Serves the repositories under `root` to whoever has a token that `isActive`. */
export async function startGitServer(root: string, isActive: (token: string) => Promise<boolean>): Promise<GitServer> {
  const refused = new Set<string>()
  const tried: { username: string; password: string }[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const given = basicOf(request)
      if (given) tried.push(given)
      if (given && !refused.has(given.password) && (await isActive(given.password))) {
        backend(root, given.username, request, response)
        return
      }
      request.resume()
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    tried,
    refuse: (token) => {
      refused.add(token)
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function basicOf({ headers }: IncomingMessage): { readonly username: string; readonly password: string } | undefined {
  const [, encoded] = /^Basic (\S+)$/u.exec(headers.authorization ?? '') ?? []
  if (encoded === undefined) return undefined
  const [username = '', password = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(/:(.*)/su)
  return { username, password }
}

/** One request as CGI (RFC 3875). */
function backend(root: string, user: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const { headers } = request
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: user,
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: headers['content-type'] ?? '',
      ...(headers['content-encoding'] !== undefined && { HTTP_CONTENT_ENCODING: headers['content-encoding'] }),
      ...(headers['git-protocol'] !== undefined && { GIT_PROTOCOL: String(headers['git-protocol']) }),
    },
  })
  child.stdin.on('error', () => undefined)
  request.pipe(child.stdin)
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  child.once('close', () => {
    const whole = Buffer.concat(parts)
    const end = whole.indexOf('\r\n\r\n')
    const fields = whole.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n')
    let status = end === -1 ? 500 : 200
    for (const field of fields) {
      const [name = '', value = ''] = field.split(/: (.*)/su)
      if (name === 'Status') status = Number.parseInt(value, 10)
      else if (name !== '') response.appendHeader(name, value)
    }
    response.writeHead(status).end(whole.subarray(end + 4))
  })
}
