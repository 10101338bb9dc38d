/**
 * Calls of APIs under way. The rule: what the person takes back ends with it, also where it has begun.
 */

export class OpenUses {
  readonly #open = new Set<{ readonly isAllowed: () => boolean; readonly end: AbortController }>()

  /** Until `close` is called; `signal` aborts when the call would not be allowed any more. */
  add(isAllowed: () => boolean): { readonly signal: AbortSignal; readonly close: () => void } {
    const end = new AbortController()
    const open = { isAllowed, end }
    this.#open.add(open)
    return { signal: end.signal, close: () => void this.#open.delete(open) }
  }

  /** Ends those that would not be allowed now. To be called when something was taken back. */
  review(): void {
    for (const open of this.#open) if (!open.isAllowed()) open.end.abort()
  }
}
