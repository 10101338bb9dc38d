/** A broker whose accept queue is full for a moment: callers wait for it instead of saying that nothing runs. */
import { spawn, type ChildProcess } from 'node:child_process'
import { connect as connectSocket, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { connect } from '../../clients/js/index.ts'
import { dial } from '../../main/cli/connection.ts'
import { until } from '../setup/daemon.ts'
import { cliToken, makeHome, tokenAnswer } from '../unit/cli/stand-in-broker.ts'

/** Answers every request alike; its queue holds one connection. */
const server = `
  const { createServer } = require('node:http')
  const body = process.argv[2]
  const serve = (request, response) => { request.resume(); response.end(body) }
  createServer(serve).listen({ path: process.argv[1], backlog: 1 }, () => console.log('ready'))`

let home: ReturnType<typeof makeHome>
let broker: ChildProcess
const crowd: Socket[] = []

beforeEach(async () => {
  home = makeHome()
  const child = spawn(process.execPath, ['-e', server, home.paths.socket, JSON.stringify(tokenAnswer())])
  broker = child
  await new Promise((resolve) => child.stdout.once('data', resolve))
  child.kill('SIGSTOP')
  // Linux answers EAGAIN as soon as the queue is full.
  await until(async () => ((await crowdIn()) === 'EAGAIN' ? true : undefined))
})
afterEach(() => {
  for (const socket of crowd.splice(0)) socket.destroy()
  broker.kill('SIGCONT')
  broker.kill('SIGKILL')
  home.remove()
})

function crowdIn(): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectSocket(home.paths.socket)
    crowd.push(socket)
    socket.on('connect', () => {
      resolve('connected')
    })
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code ?? '')
    })
  })
}

/** Until the first try has been turned away, which happens within the connecting call itself. */
async function oneMoreIsTurnedAway(): Promise<void> {
  await until(async () => ((await crowdIn()) === 'EAGAIN' ? true : undefined))
}

it('the command line waits', async () => {
  const dialling = dial({ kind: 'socket', path: home.paths.socket }, 10_000)
  await oneMoreIsTurnedAway()
  broker.kill('SIGCONT')
  const connection = await dialling
  const reply = await connection.ask({ method: 'GET', target: '/', patience: 10_000 })
  expect(JSON.parse(reply.body.toString())).toEqual(tokenAnswer())
  connection.close()
})

it('the command line does not wait for ever', async () => {
  await expect(dial({ kind: 'socket', path: home.paths.socket }, 50)).rejects.toMatchObject({ code: 'not_running' })
})

it('clients/js waits', async () => {
  const client = connect({ home: home.home, clientToken: cliToken })
  const asking = client.getToken({ account: 'ada' })
  await oneMoreIsTurnedAway()
  broker.kill('SIGCONT')
  expect((await asking).access_token).toBe('at-0123456789')
  client.close()
})
