/**
 * The broker's own key, by which clients know it from a squatter. The rule: made once, kept in one file only the person
 * can read, never replaced in silence; a file that does not hold the key is an error, because a new key would teach
 * every client to accept a stranger.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { BrokerError } from '../contract/errors.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

export interface BrokerIdentity {
  /** Ed25519, raw, base64url. */
  readonly public_key: string
  /** The Ed25519 signature (RFC 8032) over the UTF-8 bytes of `message`, base64url. */
  sign(message: string): string
}

/**
 * The identity in `path` (PKCS #8 PEM, 0600), made when there is none; the caller holds the owner lock, so nobody makes
 * another meanwhile. Throws `invalid_request` when the file is not ours alone or not such a key.
 */
export function loadIdentity(path: string): BrokerIdentity {
  const pem = readPrivateFile(path)
  if (pem !== null) return identityOf(readKey(path, pem))
  const { privateKey } = generateKeyPairSync('ed25519')
  writePrivateFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  return identityOf(privateKey)
}

function readKey(path: string, pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    // No cause: it would carry the file's content close to a log.
    throw damaged(path)
  }
  if (key.asymmetricKeyType !== 'ed25519') throw damaged(path)
  return key
}

function damaged(path: string): BrokerError {
  return new BrokerError(
    'invalid_request',
    `${path} does not hold an Ed25519 key. Restore it from a backup; or move it aside, and clients will meet a new identity.`,
  )
}

function identityOf(key: KeyObject): BrokerIdentity {
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  if (x === undefined) throw new BrokerError('server_error', 'The identity key has no public part.')
  return {
    public_key: x,
    sign: (message) => sign(null, Buffer.from(message), key).toString('base64url'),
  }
}
