/** The wizard where a client is more than an id and a secret: one that the provider registers, one with a key. */
import { AxeBuilder } from '@axe-core/playwright'
import { describe, expect, it } from 'vitest'
import { expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'

const rig = prepareRig((house) => {
  const common = { variables: [], scopes: [] }
  house.servers.summaries = [
    { ...common, id: 'open', name: 'Open', registration: true },
    { ...common, id: 'keyed', name: 'Keyed', client_fields: { secret: 'none', key: 'required' } },
    { ...common, id: 'plain', name: 'Plain' },
  ]
  return Promise.resolve()
})

async function choose(provider: string): Promise<void> {
  await rig.go('link')
  await rig.page.getByRole('button', { name: provider }).click()
  await expectShown(rig.page.getByRole('heading', { level: 1, name: `Link an account at ${provider}` }))
}

const box = () => rig.page.getByLabel('Have the provider register Valetkey')

describe('a client', () => {
  it('is registered when that is asked for, and only then', async () => {
    await choose('Open')
    expect(await box().isChecked()).toBe(false)
    const { violations } = await new AxeBuilder({ page: rig.page }).setLegacyMode(true).analyze()
    expect(violations.map(({ id }) => id)).toEqual([])
    await box().check()
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    await expectShown(rig.page.getByRole('heading', { level: 1, name: 'Continue in your browser' }))
    expect(rig.house.servers.waiting[0]?.plan).toMatchObject({ provider: 'open', register: true })
  })

  it('with a key is linked in a terminal, and the page says with what', async () => {
    await choose('Keyed')
    await expectShown(rig.page.getByText('valetkey link keyed --client-id ID --client-key-file FILE'))
    expect(await box().count()).toBe(0)
  })

  it('is not offered where the provider registers none', async () => {
    await choose('Plain')
    await expectShown(rig.page.getByLabel('Client ID'))
    expect(await box().count()).toBe(0)
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    await expectShown(rig.page.getByRole('heading', { level: 1, name: 'Continue in your browser' }))
    expect(Object.keys(rig.house.servers.waiting[0]?.plan ?? {})).not.toContain('register')
  })
})
