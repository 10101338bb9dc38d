/**
 * Questions on the screen, each in a small window of its own, one at a time, oldest first. The rule (R7): the window only
 * shows; what ends it without an answer (closed, crashed, not loaded) is a no, and a question is never allowed before it
 * has been on the screen for a second.
 */
import type { AccessRequest } from '../contract/model.ts'

/** Milliseconds between a question's appearing and the first moment it can be allowed. */
export const ARMING = 1000

/** A window that shows one question. */
export interface PromptWindow {
  /** Takes it away; the person has decided, or nobody asks any more. */
  close(): void
}

export interface PromptSurface {
  /** `onShown`: it is on the screen. `onDismissed`: it went without `close`, by whatever cause; told once. */
  open(request_id: string, onShown: () => void, onDismissed: () => void): PromptWindow
  deny(request_id: string): void
  /** Milliseconds since some fixed moment. */
  now(): number
}

export interface Prompts {
  /** The questions that wait now. */
  update(requests: readonly AccessRequest[]): void
  /** Whether a question has been on a screen long enough to be allowed; one whose own window is opening has not. */
  isArmed(request_id: string): boolean
  /** The question's window, if it is the one that is open. */
  readonly current: string | undefined
}

/** The question to show: the one that is shown while it waits, then the oldest. */
export function chooseQuestion(current: string | undefined, requests: readonly AccessRequest[]): string | undefined {
  if (requests.some(({ id }) => id === current)) return current
  return requests.toSorted((a, b) => a.created_at - b.created_at)[0]?.id
}

export function createPrompts(surface: PromptSurface): Prompts {
  /** When each question that waits was first put to the person; none yet for the one whose own window is still opening. */
  const asked = new Map<string, number>()
  const dismissed = new Set<string>()
  let shown: { readonly id: string; readonly window: PromptWindow } | undefined
  let waiting: readonly AccessRequest[] = []

  const settle = (): void => {
    const next = chooseQuestion(
      shown?.id,
      waiting.filter(({ id }) => !dismissed.has(id)),
    )
    if (next === shown?.id) return
    shown?.window.close()
    shown = undefined
    if (next === undefined) return
    // The second counts from the moment it can be read in its own window, however long that takes to open.
    asked.delete(next)
    const window = surface.open(
      next,
      () => asked.set(next, surface.now()),
      () => {
        dismissed.add(next)
        surface.deny(next)
        if (shown?.window === window) shown = undefined
        settle()
      },
    )
    shown = { id: next, window }
  }
  return {
    update(requests) {
      waiting = requests
      const ids = new Set(requests.map(({ id }) => id))
      for (const id of asked.keys()) if (!ids.has(id)) asked.delete(id)
      for (const id of dismissed) if (!ids.has(id)) dismissed.delete(id)
      for (const id of ids) if (!asked.has(id) && id !== shown?.id) asked.set(id, surface.now())
      settle()
    },
    isArmed: (id) => {
      const since = asked.get(id)
      return since !== undefined && surface.now() - since >= ARMING
    },
    get current() {
      return shown?.id
    },
  }
}
