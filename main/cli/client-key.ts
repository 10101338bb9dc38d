/**
 * The key a program pairs with: kept in a file of its own, and shown to nobody. The rule: it is made and used here, what
 * travels is its public half and signatures, and each signature is for one request. Loaded only where there is a key.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { type ProofClaims, proofMessage } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import { readPrivateFile } from './trust.ts'

/** The public half (Ed25519, raw, base64url) of the key in `file`, which is made with mode 0600 when it is not there. */
export function publicKeyIn(file: string): string {
  const stored = readPrivateFile(file)
  const key = stored === null ? makeKey(file) : parseKey(stored, file)
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  return x ?? ''
}

/** The value of `proofHeader` for a request, by the key in `file`; `bearer`: the client token that goes with it. */
export function sign(
  file: string,
  request: Pick<ProofClaims, 'method' | 'target' | 'address'>,
  bearer: string | undefined,
): string {
  const stored = readPrivateFile(file)
  if (stored === null)
    throw new BrokerError('invalid_client', `${file}, the key of this program (VALETKEY_CLIENT_KEY), is missing.`, {
      resolve: { command: `valetkey pair NAME --key ${file}` },
    })
  const claims: ProofClaims = {
    ...request,
    token_hash: bearer === undefined ? '' : createHash('sha256').update(bearer).digest('base64url'),
    issued_at: Date.now(),
    nonce: randomBytes(16).toString('base64url'),
  }
  const signature = signBytes(null, Buffer.from(proofMessage(claims)), parseKey(stored, file)).toString('base64url')
  return `${String(claims.issued_at)}.${claims.nonce}.${signature}`
}

function makeKey(file: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ed25519')
  let descriptor: number
  try {
    descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  } catch (cause) {
    throw new BrokerError('invalid_request', `Cannot make the key file ${file}.`, { cause })
  }
  try {
    writeSync(descriptor, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  } finally {
    closeSync(descriptor)
  }
  return privateKey
}

/** Without a cause: what cannot be read as a key may still be one. */
function parseKey(text: string, file: string): KeyObject {
  try {
    const key = createPrivateKey(text)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // Said below.
  }
  throw new BrokerError('invalid_request', `${file} does not hold an Ed25519 private key (PKCS #8, PEM).`)
}
