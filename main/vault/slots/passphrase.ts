/**
 * The passphrase slot: scrypt (RFC 7914) makes a key of the person's passphrase, and that key wraps the data key. The
 * rule: the parameters are stored with the slot and authenticated by it, a wrong passphrase changes nothing, and guesses
 * wait their turn and longer each time.
 */
import { randomBytes, scrypt } from 'node:crypto'
import type { Clock } from '../../broker/ports.ts'
import type { Secret } from '../../broker/secret.ts'
import { BrokerError } from '../../contract/errors.ts'
import { integer, object } from '../../contract/parse.ts'
import { string } from '../records.ts'
import { KEY_BYTES, seal, secretKey, unseal } from '../seal.ts'
import { SlotFault, type KeySlot } from './slot.ts'

/** 128 MiB and about half a second: the OWASP password storage recommendation for scrypt. */
const COST = { N: 131_072, r: 8, p: 1 } as const
const LEAST_CHARACTERS = 8
/** Milliseconds added per wrong guess, and the most that is waited; ssh-agent(1) does the same. */
const DELAY_PER_GUESS = 100
const LONGEST_DELAY = 10_000

/** The bounds keep an altered slot from asking for all the memory there is. */
const parseStored = object({
  N: integer(1024, 1_048_576),
  r: integer(1, 32),
  p: integer(1, 16),
  salt: string,
  sealed: string,
})

/** `cost`: for tests, which open many vaults. */
export function passphraseSlot(
  clock: Clock,
  cost: { readonly N: number; readonly r: number; readonly p: number } = COST,
): KeySlot {
  let wrong = 0
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const answer = turn.then(work)
    turn = answer.catch(() => undefined)
    return answer
  }
  return {
    kind: 'passphrase',
    takesPassphrase: true,
    available: () => Promise.resolve(true),
    wrap: async (dataKey, { vault_id, passphrase }) => {
      if (!passphrase) throw missing('choose one')
      if (passphrase.reveal().length < LEAST_CHARACTERS)
        throw new BrokerError('invalid_request', `A passphrase has at least ${String(LEAST_CHARACTERS)} characters.`)
      const salt = randomBytes(32)
      const key = await stretch(passphrase, salt, cost)
      const about = [...aboutSlot(vault_id), cost.N, cost.r, cost.p, salt.toString('base64url')]
      const sealed = seal(key, dataKey, about, randomBytes(12))
      const stored = { ...cost, salt: salt.toString('base64url'), sealed: sealed.toString('base64url') }
      return Buffer.from(JSON.stringify(stored))
    },
    unwrap: (wrapped, { vault_id, passphrase }) => {
      if (!passphrase) return Promise.reject(missing('enter it'))
      return inTurn(async () => {
        const { salt, sealed, ...params } = read(wrapped)
        const key = await stretch(passphrase, Buffer.from(salt, 'base64url'), params)
        try {
          const about = [...aboutSlot(vault_id), params.N, params.r, params.p, salt]
          const dataKey = unseal(key, Buffer.from(sealed, 'base64url'), about)
          wrong = 0
          return dataKey
        } catch (cause) {
          wrong++
          await pause(clock, Math.min(wrong * DELAY_PER_GUESS, LONGEST_DELAY))
          throw new SlotFault('denied', 'That is not the passphrase of this vault. Nothing was changed; try again.', {
            cause,
            resolve: { command: 'valetkey unlock' },
          })
        }
      })
    },
  }
}

const aboutSlot = (vaultId: string): readonly string[] => ['key slot', 'passphrase', vaultId]

const missing = (what: string): SlotFault =>
  new SlotFault('locked', `The vault is protected by a passphrase; ${what} to unlock it.`, {
    resolve: { command: 'valetkey unlock' },
  })

function read(wrapped: Uint8Array): ReturnType<typeof parseStored> {
  try {
    return parseStored(JSON.parse(Buffer.from(wrapped).toString('utf8')), 'slot')
  } catch (cause) {
    throw new SlotFault('lost', 'The passphrase slot of the vault is damaged; no passphrase can open it.', { cause })
  }
}

async function stretch(
  passphrase: Secret,
  salt: Uint8Array,
  { N, r, p }: { readonly N: number; readonly r: number; readonly p: number },
): Promise<ReturnType<typeof secretKey>> {
  // The same characters typed on another keyboard may arrive composed differently (Unicode Standard Annex #15).
  const words = passphrase.reveal().normalize('NFKC')
  return new Promise((resolve, reject) => {
    scrypt(words, salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r }, (error, key) => {
      if (error) reject(error)
      else resolve(secretKey(key))
    })
  })
}

function pause(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(milliseconds, resolve)
  })
}
