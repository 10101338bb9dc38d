/**
 * A program that calls Azure, as people write it: the managed identity of Azure's own library, for the scope in its
 * argument. It prints one JSON line: what it was given, or what was said instead.
 */
import { ManagedIdentityCredential } from '@azure/identity'

try {
  const [, , scope = ''] = process.argv
  const credential = new ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } })
  const { token, expiresOnTimestamp } = await credential.getToken(scope)
  print({ token, expires_in: Math.round((expiresOnTimestamp - Date.now()) / 1000) })
} catch (thrown) {
  print({ error: (thrown as Error).message })
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
