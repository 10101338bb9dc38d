/**
 * One request for all who want the same at the same time: forty tabs that wake up together are one question to the
 * broker. The rule: an answer is shared while it is under way and never afterwards, and a request ends early only when
 * everybody who waited for it has gone.
 */
import type { CallOptions, Pending } from './client.ts'

interface Flight {
  readonly abort: AbortController
  readonly answer: Promise<unknown>
  readonly listeners: Set<(pending: Pending) => void>
  pending: Pending | undefined
  callers: number
}

/** Joins the request under way for `key`, or `start`s one. Rejects as it does, or with the reason of the caller's own signal. */
type Share = (key: string, options: CallOptions, start: (options: CallOptions) => Promise<unknown>) => Promise<unknown>

export function createSharing(): Share {
  const flights = new Map<string, Flight>()
  const forget = (key: string, flight: Flight): void => {
    if (flights.get(key) === flight) flights.delete(key)
  }
  const take = (key: string, start: (options: CallOptions) => Promise<unknown>): Flight => {
    const abort = new AbortController()
    const listeners = new Set<(pending: Pending) => void>()
    const flight: Flight = {
      ...{ abort, listeners, pending: undefined, callers: 0 },
      answer: start({
        signal: abort.signal,
        onPending: (pending) => {
          flight.pending = pending
          for (const listener of listeners) listener(pending)
        },
      }).finally(() => {
        forget(key, flight)
      }),
    }
    flights.set(key, flight)
    return flight
  }
  return (key, { signal, onPending }, start) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const flight = flights.get(key) ?? take(key, start)
      const tell = (pending: Pending): void => onPending?.(pending)
      const leave = (): void => {
        flight.listeners.delete(tell)
        reject(signal?.reason as Error)
        if (--flight.callers > 0) return
        forget(key, flight)
        flight.abort.abort(signal?.reason)
      }
      flight.callers++
      flight.listeners.add(tell)
      if (flight.pending) tell(flight.pending)
      signal?.addEventListener('abort', leave, { once: true })
      void flight.answer.then(resolve, reject).finally(() => {
        signal?.removeEventListener('abort', leave)
      })
    })
}
