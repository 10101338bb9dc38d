/** The command line while a desktop window owns the broker: deciding is the window's, asking still works (DESIGN section 4). */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runCli } from '../setup/daemon.ts'
import { type Answer, startStandIn, type StandIn } from '../unit/cli/stand-in-broker.ts'

const refusal: Answer = {
  refusal: {
    error: 'access_denied',
    error_description: 'The Valetkey window decides this.',
    resolve: { command: 'open the Valetkey window' },
  },
}

let broker: StandIn
beforeEach(async () => {
  broker = await startStandIn()
  for (const method of ['snapshot', 'approve', 'unlink']) broker.routes.set(`window/${method}`, () => refusal)
})
afterEach(async () => {
  await broker.close()
})

it('status says what the command line’s own client may know', async () => {
  const counts = { accounts: 2, requests: 1 }
  broker.routes.set('status', () => ({ value: { version: '9.9.9', locked: true, counts } }))
  const { code, stdout } = await runCli(broker.home, ['status', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ running: true, version: '9.9.9', vault: { state: 'locked' }, counts })
  expect((await runCli(broker.home, ['status'])).stdout).toMatch(/^vault +locked$/mu)
})

it.each([[['requests']], [['consents']], [['approve', 'r1', '--code', '123-456']], [['unlink', 'ada']]])(
  '%j says that it is the window’s',
  async (args) => {
    const { code, stdout, stderr } = await runCli(broker.home, args)
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' })
    expect(stderr).toBe('valetkey: The Valetkey window decides this.\nrun: open the Valetkey window\n')
  },
)
