/**
 * Clients that stop in the middle: connected and silent, half a head, a head whose body never comes, an answer that is
 * never read. The rule under measurement: they hold up nobody, and each of them is let go after a while.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { asText, tokenRequest } from './exchange.ts'
import { compare, figureAtMost, interleave, type Row } from './harness.ts'
import type { Stage } from './stage.ts'

const stalling = 50

export async function measureStalled(stage: Stage): Promise<readonly Row[]> {
  const [broker, load] = [await stage.broker(), await stage.load()]
  const { socket: path } = broker.daemon.paths
  const request = asText(tokenRequest(broker, { account: 'cached' }))
  const beginnings = ['', request.slice(0, 30), request.slice(0, -5), request]
  const slice = (): Promise<number> =>
    load
      .ask({
        path,
        request,
        protocol: 'http',
        connections: 4,
        run: { kind: 'for', ms: stage.slice(400) },
        fresh: true,
      })
      .then(({ worst }) => worst)
  const { stalled, calm } = await interleave(stage.rounds(15), 1, {
    stalled: async () => {
      const sockets = await Promise.all(
        Array.from({ length: stalling }, (_, index) => stall(path, beginnings[index % beginnings.length] ?? '')),
      )
      try {
        return await slice()
      } finally {
        for (const socket of sockets) socket.destroy()
      }
    },
    calm: slice,
  })
  return [
    compare({
      group: 'stalled',
      name: `while ${String(stalling)} clients stall: the others’ worst request`,
      unit: 'ms',
      ours: stalled,
      baseline: { name: 'the same while none stalls', samples: calm },
      target: figureAtMost(50),
    }),
  ]
}

/** Says so much and then nothing more; reads nothing either. */
async function stall(path: string, beginning: string): Promise<Socket> {
  const socket = connect(path)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.pause()
  if (beginning !== '') socket.write(beginning, 'latin1')
  return socket
}
