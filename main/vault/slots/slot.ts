/**
 * A key slot: one way to wrap the vault's data key (as in LUKS: many slots, one key). The rule: a slot that cannot open
 * says which of four things is the matter, because each is mended differently, and none of them is a reason to make a
 * new key.
 */
import { BrokerError, type Resolve } from '../../contract/errors.ts'
import type { KeySlotKind } from '../../contract/window-api.ts'
import type { Secret } from '../../broker/secret.ts'

export interface SlotContext {
  /** Names the vault, so that several on one machine do not share an entry. */
  readonly vault_id: string
  readonly passphrase: Secret | undefined
  /** Milliseconds the slot may take: few at the start, many when the person asked and may have to answer a prompt. */
  readonly patience: number
  /** When unwrapping: hands over the data key wrapped afresh, where what keeps the key asks for that. */
  readonly renew?: (wrapped: Uint8Array) => void
}

export interface KeySlot {
  readonly kind: KeySlotKind
  /** Whether it opens with the person's passphrase only. */
  readonly takesPassphrase: boolean
  /** Whether the place it keeps its key in answers now. Never rejects. */
  available(): Promise<boolean>
  /** The data key wrapped for storage. Throws `SlotFault`. */
  wrap(dataKey: Uint8Array, context: SlotContext): Promise<Uint8Array>
  /** The data key again. Throws `SlotFault`. */
  unwrap(wrapped: Uint8Array, context: SlotContext): Promise<Uint8Array>
}

/**
 * `unavailable`: what keeps the key does not answer. `locked`: it answers and is itself locked, or waits for a
 * passphrase. `denied`: it said no. `lost`: it works and does not have the key, or has another one.
 */
export type SlotProblem = 'unavailable' | 'locked' | 'denied' | 'lost'

export class SlotFault extends Error {
  readonly problem: SlotProblem
  readonly resolve: Resolve | undefined

  /** `message`: a sentence for the person. */
  constructor(problem: SlotProblem, message: string, options: { readonly cause?: unknown; resolve?: Resolve } = {}) {
    super(message, { cause: options.cause })
    this.name = 'SlotFault'
    this.problem = problem
    this.resolve = options.resolve
  }

  /** `access_denied` when the person's own passphrase was wrong, else `locked`. */
  asBrokerError(kind: KeySlotKind): BrokerError {
    const code = this.problem === 'denied' && kind === 'passphrase' ? 'access_denied' : 'locked'
    return new BrokerError(code, this.message, { cause: this, ...(this.resolve && { resolve: this.resolve }) })
  }
}
