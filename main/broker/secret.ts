/**
 * A text that must not be printed. The rule (R8): a token, code or key is held as a `Secret` from the moment it arrives
 * until the moment it is sent or sealed, so that logging, throwing or serialising whatever holds it shows `[secret]`.
 */
const inspect = Symbol.for('nodejs.util.inspect.custom')

export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The one way out; grep for it to find every place a secret is used. */
  reveal(): string {
    return this.#value
  }

  equals(other: Secret): boolean {
    return this.#value === other.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect](): string {
    return '[secret]'
  }
}
