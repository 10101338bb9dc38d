/**
 * So many at once and no more. The rule: who comes first goes first, and whoever is through makes room however it ends.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = []
  #room: number

  constructor(atOnce: number) {
    this.#room = atOnce
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#room === 0)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    else this.#room--
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#room++
    }
  }
}
