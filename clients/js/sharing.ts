/**
 * One request for all who want the same at the same time: forty tabs that wake up together are one question to the
 * broker. The rule: an answer is shared while it is under way and never afterwards, and a request ends early only when
 * everybody who waited for it has gone.
 */
import type { CallOptions, Pending } from './client.ts'

/** Joins the request under way for `key`, or `start`s one. Rejects as it does, or with the reason of the caller's own signal. */
type Share = (key: string, options: CallOptions, start: (options: CallOptions) => Promise<unknown>) => Promise<unknown>

/** A request under way. */
class Flight {
  readonly abort = new AbortController()
  /** Of each who waits for it. */
  readonly listeners = new Set<(pending: Pending) => void>()
  pending?: Pending
  answer?: Promise<unknown>
}

export function createSharing(): Share {
  const flights = new Map<string, Flight>()
  return (key, { signal, onPending }, start) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const flight = flights.get(key) ?? new Flight()
      const { abort, listeners } = flight
      flights.set(key, flight)
      const forget = (): void => {
        if (flights.get(key) === flight) flights.delete(key)
      }
      const tell = (pending: Pending): void => onPending?.(pending)
      const leave = (): void => {
        reject(signal?.reason as Error)
        listeners.delete(tell)
        if (listeners.size > 0) return
        forget()
        abort.abort(signal?.reason)
      }
      listeners.add(tell)
      if (flight.pending) tell(flight.pending)
      signal?.addEventListener('abort', leave)
      flight.answer ??= start({
        signal: abort.signal,
        onPending: (pending) => {
          flight.pending = pending
          for (const listener of listeners) listener(pending)
        },
      }).finally(forget)
      void flight.answer.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave))
    })
}
