/**
 * The tally: one sealed number that stands for every generation in the vault, so that a record that was removed, or
 * replaced by an older one that is genuine in itself, does not go unnoticed. It is an incremental multiset hash
 * (MSet-Add-Hash; Clarke, Devadas, van Dijk, Gassend, Suh: ASIACRYPT 2003): each record's HMAC is added modulo 2^256, so
 * an update costs the same with ten accounts or ten thousand. The rule: it is changed in the same commit as the records.
 * What it cannot see is the whole file replaced by an older whole file.
 */
import { authenticate, seal, tagOf, unseal, type DataKey } from './seal.ts'

export interface GenerationRow {
  readonly account_id: string
  readonly generation: number
  readonly quarantined: boolean
  readonly sealed: Uint8Array
}

const MODULUS = 1n << 256n
/** Says as well that the account rows are authenticated: whoever puts older rows back cannot say so. */
const ABOUT = ['tally', 'accounts authenticated'] as const
/** As it was in format 1. */
const FORMER = ['tally'] as const

export const EMPTY_TALLY = 0n

/** `removed` and `added`: rows as they were before and are after. */
export function updateTally(
  key: DataKey,
  tally: bigint,
  removed: readonly GenerationRow[],
  added: readonly GenerationRow[],
): bigint {
  let sum = tally
  for (const row of added) sum += weight(key, row)
  for (const row of removed) sum -= weight(key, row)
  return ((sum % MODULUS) + MODULUS) % MODULUS
}

export function sealTally(key: DataKey, tally: bigint): Uint8Array {
  return seal(key.sealing, Buffer.from(tally.toString(16).padStart(64, '0'), 'hex'), ABOUT, key.nonce())
}

/** Throws `Damage` when it was altered. */
export function unsealTally(key: DataKey, sealed: Uint8Array): bigint {
  return unsealFormerTally(key, sealed) ?? read(unseal(key.sealing, sealed, ABOUT))
}

/** The tally as a Valetkey of format 1 sealed it; `undefined` for any other. */
export function unsealFormerTally(key: DataKey, sealed: Uint8Array): bigint | undefined {
  try {
    return read(unseal(key.sealing, sealed, FORMER))
  } catch {
    return undefined
  }
}

const read = (plain: Buffer): bigint => BigInt(`0x${plain.toString('hex')}`)

/** The tag stands for the content: nobody without the key makes another record with the same one. */
function weight(key: DataKey, row: GenerationRow): bigint {
  const tag = Buffer.from(tagOf(row.sealed)).toString('base64url')
  const mac = authenticate(key.authentication, [
    'generation',
    row.account_id,
    row.generation,
    Number(row.quarantined),
    tag,
  ])
  return BigInt(`0x${mac.toString('hex')}`)
}
