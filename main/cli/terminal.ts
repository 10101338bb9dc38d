/**
 * Asking the person at the keyboard. The rule: questions go to stderr and answers come from stdin; what is secret is not
 * shown while it is typed; and without a terminal nothing waits for somebody who is not there.
 */
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { BrokerError } from '../contract/errors.ts'

/** The lines of stdin, one at a time, so that two questions can be answered by one pipe. */
export class Input {
  readonly isTerminal = isatty(0)
  readonly #waiting: string[] = []
  #reader: Interface | undefined
  #muted = false
  #ended = false
  #take: ((line: string | null) => void) | undefined

  /** The next line without its end; `null` when there is no more. `signal` gives the wait up, with `null` too. */
  next(
    prompt: string,
    options: { readonly secret?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<string | null> {
    const reader = this.#open()
    const { secret = false, signal } = options
    const line = this.#waiting.shift()
    if (line !== undefined) return Promise.resolve(line)
    if (this.#ended || signal?.aborted) return Promise.resolve(null)
    if (this.isTerminal) {
      reader.setPrompt(prompt)
      reader.prompt()
      this.#muted = secret
    }
    return new Promise((resolve) => {
      const done = (answer: string | null): void => {
        this.#take = undefined
        if (secret && this.isTerminal) process.stderr.write('\n')
        this.#muted = false
        resolve(answer)
      }
      this.#take = done
      signal?.addEventListener(
        'abort',
        () => {
          done(null)
        },
        { once: true },
      )
    })
  }

  /** A secret: typed without being shown, or the next line of a pipe. Throws `invalid_request` when nothing comes. */
  async secret(prompt: string): Promise<string> {
    const line = await this.next(prompt, { secret: true })
    if (line === null || line === '')
      throw new BrokerError('invalid_request', `Nothing was given for: ${prompt.replace(/:\s*$/u, '')}.`)
    return line
  }

  close(): void {
    this.#reader?.close()
  }

  #open(): Interface {
    if (this.#reader) return this.#reader
    const shown = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#muted) process.stderr.write(chunk)
        done()
      },
    })
    // Raw mode on a terminal: the kernel's own line editing cuts a pasted URL off at 4096 bytes.
    this.#reader = createInterface({ input: process.stdin, output: shown, terminal: this.isTerminal, historySize: 0 })
    this.#reader.on('line', (line) => {
      if (this.#take) this.#take(line)
      else this.#waiting.push(line)
    })
    this.#reader.on('close', () => {
      this.#ended = true
      this.#take?.(null)
    })
    // In raw mode Ctrl-C is a character; make it what it is everywhere else.
    this.#reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    return this.#reader
  }
}
