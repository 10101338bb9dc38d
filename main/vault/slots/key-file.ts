/**
 * The key-file slot: the wrapping key lies in a file beside the vault, readable by its owner. The rule: it is weak (whoever
 * reads the disk reads the vault), so it exists only where somebody asked for it by name, and is shown for what it is.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { inspect, openPrivateFile, syncFolder } from '../home.ts'
import { KEY_BYTES, seal, secretKey, unseal } from '../seal.ts'
import { SlotFault, type KeySlot } from './slot.ts'

const posix = process.platform !== 'win32'

/** `path`: where the key is, or will be made with O_EXCL; an existing key is used again, never replaced. */
export function keyFileSlot(path: string): KeySlot {
  return {
    kind: 'key-file',
    takesPassphrase: false,
    available: () => Promise.resolve(true),
    wrap: (dataKey, { vault_id }) =>
      attempt(() => {
        if (!inspect(path)) createKey(path)
        return seal(readKey(path), dataKey, about(vault_id), randomBytes(12))
      }),
    unwrap: (wrapped, { vault_id }) =>
      attempt(() => {
        const key = readKey(path)
        try {
          return unseal(key, wrapped, about(vault_id))
        } catch (cause) {
          throw new SlotFault(
            'lost',
            `The key in ${path} is not the one of this vault; put the right file back, or the vault that belongs to it.`,
            { cause },
          )
        }
      }),
  }
}

const about = (vaultId: string): readonly string[] => ['key slot', 'key-file', vaultId]

function createKey(path: string): void {
  const fd = openPrivateFile(path)
  try {
    const bytes = Buffer.from(`${randomBytes(KEY_BYTES).toString('base64url')}\n`)
    let written = 0
    while (written < bytes.length) written += writeSync(fd, bytes, written)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  syncFolder(dirname(path))
}

/** Throws `SlotFault`: `lost` when it is not there or no key, `denied` when others could have read or placed it. */
function readKey(path: string): ReturnType<typeof secretKey> {
  const found = inspect(path)
  if (!found) throw new SlotFault('lost', `The key file ${path} is gone; put it back to open the vault.`)
  const fd = openSync(path, constants.O_RDONLY | (posix ? constants.O_NOFOLLOW : 0))
  try {
    const { mode, uid } = fstatSync(fd)
    if (process.getuid && uid !== process.getuid())
      throw new SlotFault('denied', `The key file ${path} belongs to another user.`)
    if (posix && (mode & 0o077) !== 0)
      throw new SlotFault('denied', `Other users may read the key file ${path}.`, {
        resolve: { command: `chmod 600 '${path}'` },
      })
    const key = Buffer.from(readFileSync(fd, 'latin1').trim(), 'base64url')
    if (key.length !== KEY_BYTES) throw new SlotFault('lost', `The key file ${path} is damaged; put a copy of it back.`)
    return secretKey(key)
  } finally {
    closeSync(fd)
  }
}

/** What the file system says no to becomes `unavailable`. */
async function attempt<T>(work: () => T): Promise<T> {
  await Promise.resolve()
  try {
    return work()
  } catch (cause) {
    if (cause instanceof SlotFault) throw cause
    throw new SlotFault('unavailable', 'The key file cannot be used: check its folder and permissions.', { cause })
  }
}
