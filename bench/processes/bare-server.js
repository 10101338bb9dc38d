/**
 * The baseline of the local endpoint: node:http on the same kind of socket, answering one constant. The rule: the same
 * bytes as the broker's answer and nothing else that the broker does; no credential, no account, no record. It is plain
 * JavaScript and imports nothing of ours, because Node's loader for TypeScript alone would add 15 MB to a baseline that
 * is also one for memory.
 */
import { createServer } from 'node:http'

/** Listens at `path` and answers every request with `headers` (name, value, ...) and `body`. */
function serve({ path, headers, body }) {
  const server = createServer((_request, response) => {
    response.writeHead(200, headers)
    response.end(body)
  })
  server.keepAliveTimeout = 0
  server.listen(path, () => process.send({ value: true }))
}

process.on('disconnect', () => process.exit(0))
process.on('message', serve)
process.send('ready')
