/** Codes and moments in words, what strangers wrote made safe to show, and what is said aloud. */
import { describe, expect, it } from 'vitest'
import { errorTable, isErrorCode } from '../../../main/contract/errors.ts'
import { defaultPreferences } from '../../../main/contract/model.ts'
import type { Snapshot } from '../../../main/contract/window-api.ts'
import { announcements } from '../../../renderer/announcements.ts'
import { outcomeWords } from '../../../renderer/activity-terms.ts'
import { errorSentence } from '../../../renderer/terms.ts'
import { partsOf } from '../../../renderer/text.ts'
import { relativeTime } from '../../../renderer/ui/time.tsx'
import { plain, visible } from '../../../renderer/ui/words.tsx'

describe('errorSentence', () => {
  it('has a sentence of its own for every code', () => {
    const sentences = Object.keys(errorTable).filter(isErrorCode).map(errorSentence)
    expect(new Set(sentences).size).toBe(Object.keys(errorTable).length)
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*\.$/u)
  })
})

describe('outcomeWords', () => {
  it('tells a token that was given from anything else that went well', () => {
    expect(outcomeWords({ action: 'token', outcome: 'ok' })).toEqual({ tone: 'good', words: 'Allowed' })
    expect(outcomeWords({ action: 'lock', outcome: 'ok' })).toEqual({ tone: 'good', words: 'Done' })
  })

  it('shows what it does not know as it came, names of every object included', () => {
    for (const outcome of ['new-thing', '__proto__', 'constructor'])
      expect(outcomeWords({ action: 'token', outcome })).toEqual({ tone: 'plain', words: outcome })
  })
})

describe('visible', () => {
  it('shows direction controls and other invisibles, keeps what languages need', () => {
    expect(visible('a\u202Eb\u2066c\u0000d\u001Be\u200Bf\uFEFF')).toBe('a�b�c�d�e�f�')
    expect(visible('line\nline שלום\u200Fعربي 👩‍💻')).toBe('line\nline שלום\u200Fعربي 👩‍💻')
  })

  it('leaves no half of a character', () => {
    expect(plain(`${'x'.repeat(199)}😀`)).toBe(`${'x'.repeat(199)}�…`)
    expect(plain('x'.repeat(200))).toBe('x'.repeat(200))
  })
})

describe('partsOf', () => {
  it('parts a sentence around its places', () => {
    expect(partsOf('{client} wants {x}.')).toEqual([
      { value: 'client' },
      { text: ' wants ' },
      { value: 'x' },
      { text: '.' },
    ])
    expect(partsOf('{ not } a {Place}')).toEqual([{ text: '{ not } a {Place}' }])
  })
})

describe('relativeTime', () => {
  it('is near for what is near', () => {
    expect([-0, 5, -90, 3600 * 5, -86_400 * 3].map((distance) => relativeTime(1000 + distance, 1000))).toEqual([
      'now',
      'in 5 seconds',
      '1 minute ago',
      'in 5 hours',
      '3 days ago',
    ])
  })
})

describe('announcements', () => {
  const snapshot = (more: Partial<Snapshot>): Snapshot => ({
    version: '',
    surface: 'console',
    host: 'daemon',
    home: '',
    vault: { state: 'unlocked', protection: null },
    accounts: [],
    clients: [],
    grants: [],
    requests: [],
    sign_ins: [],
    providers: [],
    preferences: defaultPreferences,
    paused: false,
    ...more,
  })
  const account = {
    id: 'a',
    provider: 'p',
    provider_name: 'House',
    label: 'ada\u202E',
    scope: '',
    renewable: true,
    linked_at: 0,
  }

  it('says a change of state with the words that are shown', () => {
    const before = snapshot({ accounts: [{ ...account, state: 'connected' }] })
    const after = snapshot({
      accounts: [{ ...account, state: 'offline' }],
      vault: { state: 'read-only', protection: null },
    })
    expect(announcements(before, after)).toEqual(['ada�: Can’t reach House.', 'Vault: Read-only.'])
  })

  it('says nothing about numbers', () => {
    const before = snapshot({ accounts: [{ ...account, state: 'connected' }] })
    expect(
      announcements(before, snapshot({ accounts: [{ ...account, state: 'connected', last_used_at: 5 }] })),
    ).toEqual([])
  })
})
