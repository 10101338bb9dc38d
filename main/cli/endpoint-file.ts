/**
 * What the broker left about itself in the run folder. The rule: it is believed only where nobody else could have written
 * it, because the key by which strangers are told from our broker is in it.
 */
import { BrokerError } from '../contract/errors.ts'
import { type EndpointFile, type HomePaths, parseEndpointFile } from '../contract/home.ts'
import { look, readPrivateFile } from './trust.ts'

/** `run/endpoint.json`, from a folder that is ours alone; `null` when there is none. Throws `invalid_request` when it is not to be believed. */
export function readEndpointFile(paths: HomePaths): EndpointFile | null {
  const uid = process.geteuid?.()
  const folder = look(paths.run)
  if (folder === null) return null
  if (uid !== undefined && (!folder.isDirectory() || folder.uid !== uid || (folder.mode & 0o077) !== 0))
    throw new BrokerError('invalid_request', `${paths.run} is not a folder of yours alone.`, {
      resolve: { command: 'valetkey doctor' },
    })
  const text = readPrivateFile(paths.endpointFile)
  if (text === null) return null
  try {
    return parseEndpointFile(JSON.parse(text), 'endpoint.json')
  } catch (cause) {
    throw new BrokerError('invalid_request', `${paths.endpointFile} is damaged; start the broker again.`, { cause })
  }
}
