/**
 * A program that calls Google, as people write it: Application Default Credentials of Google's own library, for the
 * scopes in its arguments. It prints one JSON line: what it found out, or what was said instead.
 */
import { GoogleAuth } from 'google-auth-library'

try {
  const auth = new GoogleAuth({ scopes: process.argv.slice(2) })
  const client = await auth.getClient()
  const { token } = await client.getAccessToken()
  const { client_email, universe_domain } = await auth.getCredentials()
  const project = await auth.getProjectId().catch(() => null)
  print({ credential: client.constructor.name, token, client_email, universe_domain, project })
} catch (thrown) {
  print({ error: (thrown as Error).message })
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
