/**
 * The first passphrase of a new vault. The rule: it comes through standard input, never through an argument or the
 * environment, and on a terminal it is typed twice and not shown.
 */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Secret } from '../broker/secret.ts'
import { BrokerError } from '../contract/errors.ts'

const SHORTEST = 8

/** Reads it; throws `invalid_request` when it is short, or differs the second time. */
export async function readNewPassphrase(): Promise<Secret> {
  const tty = process.stdin.isTTY
  const silent = new Writable({
    write(_chunk, _encoding, done) {
      done()
    },
  })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: tty })
  try {
    const ask = async (question: string): Promise<string> => {
      if (tty) process.stderr.write(question)
      const answer = await lines.question('')
      if (tty) process.stderr.write('\n')
      return answer
    }
    const passphrase = await ask('New passphrase for the vault: ')
    if (passphrase.length < SHORTEST)
      throw new BrokerError('invalid_request', `A passphrase needs at least ${String(SHORTEST)} characters.`)
    if (tty && (await ask('The same again: ')) !== passphrase)
      throw new BrokerError('invalid_request', 'The two passphrases differ. Nothing was made.')
    return new Secret(passphrase)
  } finally {
    lines.close()
  }
}
