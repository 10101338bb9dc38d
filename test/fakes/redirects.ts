/**
 * The browser's side of a redirect: what the provider sends it to, and one raw request there. The rule: nothing is followed
 * and nothing is retried, so that what a listener answers is what a test sees.
 */
import { request } from 'node:http'
import type { RunningSignIn } from '../../main/broker/ports.ts'

/** The redirect the provider would send the browser to. */
export async function answerOf(one: RunningSignIn): Promise<URL> {
  const answer = await fetch(one.authorization_url, { redirect: 'manual' })
  return new URL(answer.headers.get('location') ?? '')
}

/** The registered redirect URI of this sign-in, without an answer. */
export const redirectUri = (one: RunningSignIn): URL =>
  new URL(new URL(one.authorization_url).searchParams.get('redirect_uri') ?? '')

/** The status that comes back, or the error code of a connection that does not come about. */
export function hit(
  url: URL | string,
  options: { readonly method?: string; readonly host?: string } = {},
): Promise<number | string> {
  return new Promise((resolve) => {
    request(
      url,
      {
        method: options.method ?? 'GET',
        agent: false,
        headers: options.host === undefined ? {} : { host: options.host },
      },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      },
    )
      .on('error', (error: NodeJS.ErrnoException) => {
        resolve(error.code ?? error.message)
      })
      .end()
  })
}

/** The URL with parameters replaced or (with `undefined`) left out. */
export const changedParams = (url: URL, params: Readonly<Record<string, string | undefined>>): URL => {
  const changed = new URL(url)
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) changed.searchParams.delete(name)
    else changed.searchParams.set(name, value)
  }
  return changed
}
