/** On what terms the person says yes: until when, to how much, with which right, and which account is meant from then on. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Broker } from '../../../main/broker/broker.ts'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { Approval } from '../../../main/broker/approvals.ts'
import type { TokenAnswer, TokenRequest } from '../../../main/contract/client-api.ts'
import type { BrokerError } from '../../../main/contract/errors.ts'
import { plant, refreshed, settled } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

let desk: Desk
let script: ClientRecord

beforeEach(async () => {
  desk = new Desk()
  await desk.broker.open()
  script = await desk.pairAs('backup')
})

interface Yes extends Pick<Approval, 'for' | 'right' | 'scope'> {
  readonly account?: string
}

/** The client asks, the person says yes on these terms, and what comes of it. */
async function ask(client: ClientRecord, request: TokenRequest, yes: Yes): Promise<TokenAnswer> {
  const on = line()
  const answer = desk.broker.asking.token(client, request, on)
  answer.catch(() => undefined)
  await settled()
  await desk.person.approve({ id: on.asked[0]?.request_id ?? '', ...yes })
  return answer
}

const never = (client: ClientRecord, request: TokenRequest): Promise<unknown> =>
  refusal(desk.broker.asking.token(client, { ...request, interaction: 'never' }, line()))

describe('until the vault locks', () => {
  it('lasts as long as it stays open, is nowhere stored, and ends with the lock', async () => {
    await plant(desk.rig, 'a', { lifetime: 86_400 * 3 })
    await ask(script, { account: 'a' }, { for: 'until-locked' })
    expect((await desk.person.snapshot()).grants).toMatchObject([{ until: null, until_locked: true, right: 'read' }])
    expect(desk.rig.vault.grantRecords.size).toBe(0)
    await desk.rig.clock.pass(86_400_000)
    expect(await never(script, { account: 'a' })).toBe('answered')
    await desk.person.lock()
    expect((await desk.person.snapshot()).grants).toEqual([])
    await desk.person.unlock({})
    expect(await never(script, { account: 'a' })).toBe('consent_required')
  })

  it('outlives an unlock of what is open already, and not the broker', async () => {
    await plant(desk.rig, 'a')
    await ask(script, { account: 'a' }, { for: 'until-locked' })
    await desk.person.unlock({})
    expect(await never(script, { account: 'a' })).toBe('answered')
    const again = new Broker(desk.rig.ports, { version: '0.0.0', host: 'daemon', home: '/home/x' })
    await again.open()
    expect(await refusal(again.asking.token(script, { account: 'a', interaction: 'never' }, line()))).toBe(
      'consent_required',
    )
  })

  it('is taken back like any other', async () => {
    await plant(desk.rig, 'a')
    await ask(script, { account: 'a' }, { for: 'until-locked' })
    const [grant] = (await desk.person.snapshot()).grants
    desk.rig.vault.full = true
    await desk.person.revokeGrant({ id: grant?.id ?? '' })
    expect(await never(script, { account: 'a' })).toBe('consent_required')
  })

  it('is not given while the vault is locked', async () => {
    await plant(desk.rig, 'a')
    const on = line()
    const answer = refusal(desk.broker.asking.token(script, { account: 'a' }, on))
    await settled()
    await desk.person.lock()
    expect(await answer).toBe('timeout')
    expect(await refusal(desk.person.approve({ id: on.asked[0]?.request_id ?? '', for: 'until-locked' }))).toBe(
      'not_found',
    )
    expect((await desk.person.snapshot()).grants).toEqual([])
  })
})

describe('which account is meant', () => {
  beforeEach(async () => {
    await plant(desk.rig, 'a')
    await plant(desk.rig, 'b')
  })

  /** An account at another provider, there before the broker reads its accounts. */
  async function elsewhere(id: string): Promise<void> {
    desk.rig.vault.records.set(id, { ...(await plant(desk.rig, id)), provider: 'github' })
  }

  it('is remembered for this client and these words, shown, and forgotten on demand', async () => {
    const answer = await ask(script, { provider: 'generic-oidc' }, { for: 'once', account: 'b' })
    expect(answer.account.id).toBe('b')
    const on = line()
    const again = desk.broker.asking.token(script, { provider: 'generic-oidc' }, on)
    await settled()
    const { requests, clients } = await desk.person.snapshot()
    expect(requests).toMatchObject([{ account: { id: 'b' } }])
    await desk.person.approve({ id: requests[0]?.id ?? '', for: 'always' })
    expect((await again).account.id).toBe('b')
    const [choice] = clients.find(({ id }) => id === script.id)?.choices ?? []
    expect(choice).toMatchObject({ provider: 'generic-oidc', account_id: 'b' })
    await desk.person.forgetChoice({ id: choice?.id ?? '' })
    expect(desk.rig.vault.clientRecords.get(script.id)?.choices).toBeUndefined()
    expect(await refusal(desk.person.forgetChoice({ id: choice?.id ?? '' }))).toBe('not_found')
    // Now it is the consent there is that tells which, as before.
    expect(await never(script, { provider: 'generic-oidc' })).toBe('answered')
  })

  it('is the person’s choice also where several have consents, and survives a restart', async () => {
    await ask(script, { account: 'a' }, { for: 'always' })
    await ask(script, { account: 'b' }, { for: 'always' })
    expect(await never(script, {})).toBe('account_selection_required')
    const other = await desk.pairAs('other')
    await ask(other, {}, { for: 'always', account: 'b' })
    await ask(other, { account: 'a' }, { for: 'always' })
    expect(await never(other, {})).toBe('answered')
    const again = new Broker(desk.rig.ports, { version: '0.0.0', host: 'daemon', home: '/home/x' })
    await again.open()
    const answer = await again.asking.token(other, { interaction: 'never' }, line())
    expect(answer.account.id).toBe('b')
  })

  it('is another’s business for other words and other clients', async () => {
    await ask(script, { provider: 'generic-oidc' }, { for: 'once', account: 'b' })
    const on = line()
    void refusal(desk.broker.asking.token(script, { issuer: 'https://op.example' }, on))
    await settled()
    const [request] = (await desk.person.snapshot()).requests
    expect(request?.account).toBeUndefined()
    expect(request?.candidates).toEqual(['a', 'b'])
  })

  it('goes with the account', async () => {
    await ask(script, {}, { for: 'once', account: 'b' })
    await desk.person.unlink({ account: 'b' })
    expect(desk.rig.vault.clientRecords.get(script.id)?.choices).toBeUndefined()
  })

  it('R6: is one that the program asked for, whatever the person is made to say', async () => {
    await elsewhere('c')
    const on = line()
    const answer = refusal(desk.broker.asking.token(script, { provider: 'generic-oidc' }, on))
    await settled()
    const id = on.asked[0]?.request_id ?? ''
    expect(await refusal(desk.person.approve({ id, account: 'c', for: 'always' }))).toBe('invalid_request')
    expect(await refusal(desk.person.approve({ id, for: 'always' }))).toBe('account_selection_required')
    expect(desk.rig.vault.grantRecords.size).toBe(0)
    await desk.person.deny({ id })
    expect(await answer).toBe('access_denied')
  })

  it('R6: two questions for different accounts are two, though neither names one', async () => {
    await elsewhere('c')
    await elsewhere('d')
    for (const provider of ['github', 'generic-oidc'])
      void refusal(desk.broker.asking.token(script, { provider, scope: 'mail' }, line()))
    await settled()
    expect((await desk.person.snapshot()).requests.map(({ candidates }) => candidates)).toEqual([
      ['c', 'd'],
      ['a', 'b'],
    ])
  })
})

describe('less than was asked for', () => {
  it('is what a client gets that did not say how much it wants', async () => {
    await plant(desk.rig, 'a')
    desk.rig.servers.reply = (_token, { scope = '' }) => refreshed(desk.rig, 'at-narrow', null, 3600, scope)
    const answer = await ask(script, { account: 'a' }, { for: 'always', scope: 'mail' })
    expect(answer).toMatchObject({ access_token: 'at-narrow', scope: 'mail' })
    expect((await desk.person.snapshot()).grants).toMatchObject([{ scope: 'mail' }])
  })

  it('tells one that did what it may have', async () => {
    await plant(desk.rig, 'a')
    const thrown = await ask(script, { account: 'a', scope: 'mail files' }, { for: 'always', scope: 'mail' }).catch(
      (error: unknown) => error as BrokerError,
    )
    expect(thrown).toMatchObject({ code: 'invalid_scope' })
    expect((thrown as BrokerError).message).toContain('mail')
    desk.rig.servers.reply = (_token, { scope = '' }) => refreshed(desk.rig, 'at-narrow', null, 3600, scope)
    expect(await never(script, { account: 'a', scope: 'mail' })).toBe('answered')
    expect(await never(script, { account: 'a', scope: 'mail files' })).toBe('consent_required')
  })

  it('holds for "just once" too', async () => {
    await plant(desk.rig, 'a')
    desk.rig.servers.reply = (_token, { scope = '' }) => refreshed(desk.rig, 'at-narrow', null, 3600, scope)
    const lines = [line(), line()]
    const answers = lines.map((on) => desk.broker.asking.token(script, { account: 'a' }, on))
    await settled()
    await desk.person.approve({ id: lines[0]?.asked[0]?.request_id ?? '', for: 'once', scope: 'mail' })
    expect((await Promise.all(answers)).map(({ scope }) => scope)).toEqual(['mail', 'mail'])
  })

  it.each([
    ['more than was asked for', 'mail admin', 'invalid_request'],
    ['nothing', '  ', 'invalid_request'],
  ])('is not %s', async (_name, scope, code) => {
    await plant(desk.rig, 'a')
    const on = line()
    void refusal(desk.broker.asking.token(script, { account: 'a', scope: 'mail files' }, on))
    await settled()
    expect(await refusal(desk.person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always', scope }))).toBe(code)
    expect(desk.rig.vault.grantRecords.size).toBe(0)
    expect((await desk.person.snapshot()).requests).toHaveLength(1)
  })
})

describe('an agent', () => {
  it.each(['window', 'console', 'terminal'] as const)(
    'may use, not read, by a plain yes in the %s',
    async (surface) => {
      await plant(desk.rig, 'a')
      const agent = await desk.pairAs('scribe', 'agent')
      const on = line()
      const answer = refusal(desk.broker.asking.token(agent, { account: 'a' }, on))
      await settled()
      const [question] = on.asked
      const approved = await desk.broker.deciding
        .on(surface)
        .approve({ id: question?.request_id ?? '', code: question?.code ?? '', for: 'always' })
      expect(approved.right).toBe('use')
      expect(await answer).toBe('access_denied')
      expect((await desk.person.snapshot()).grants).toMatchObject([{ right: 'use' }])
      expect(await never(agent, { account: 'a' })).toBe('consent_required')
    },
  )

  it('may read where the person chose that', async () => {
    await plant(desk.rig, 'a')
    const agent = await desk.pairAs('scribe', 'agent')
    expect((await ask(agent, { account: 'a' }, { for: 'always', right: 'read' })).access_token).toBe('at-a-1')
  })

  it('is no script, of which a plain yes means what it asked for', async () => {
    await plant(desk.rig, 'a')
    expect((await ask(script, { account: 'a' }, { for: 'always' })).access_token).toBe('at-a-1')
  })
})
