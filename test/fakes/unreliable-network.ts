/**
 * A network between a client and a provider's token endpoint that fails on command: before the request arrives, or after it
 * was acted on, so that the client cannot tell which.
 */
import type { RequestListener } from 'node:http'

export type TokenEndpointMode = 'normal' | 'hang-before' | 'reset-before' | 'hang-after' | 'reset-after' | 'unavailable'

/** The provider behind a network that misbehaves on command. */
export function unreliable(
  handle: RequestListener,
  settings: { readonly delay: number; readonly token_endpoint: TokenEndpointMode },
  onTokenRequest: () => void,
): RequestListener {
  return (request, response) => {
    if (request.method !== 'POST' || request.url !== '/token') {
      handle(request, response)
      return
    }
    onTokenRequest()
    const { token_endpoint: mode, delay } = settings
    const act = (): void => {
      switch (mode) {
        case 'hang-before':
          return
        case 'reset-before':
          request.resume().on('end', () => request.socket.resetAndDestroy())
          return
        case 'unavailable':
          response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":"temporarily_unavailable"}')
          return
        case 'hang-after':
        case 'reset-after':
          response.end = (() => {
            if (mode === 'reset-after') request.socket.resetAndDestroy()
            return response
          }) as typeof response.end
          response.write = () => true
          break
        case 'normal':
      }
      handle(request, response)
    }
    if (delay > 0) setTimeout(act, delay)
    else act()
  }
}
