/** Snapshots for tests: an unlocked desktop with nothing in it, and what is added to it. */
import { type AccessRequest, type Account, defaultPreferences } from '../../../main/contract/model.ts'
import type { Snapshot } from '../../../main/contract/window-api.ts'

export function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  return {
    version: '0',
    surface: 'window',
    host: 'desktop',
    home: '/home/valetkey',
    vault: { state: 'unlocked', protection: 'safe-storage' },
    accounts: [],
    clients: [],
    grants: [],
    requests: [],
    sign_ins: [],
    providers: [],
    preferences: defaultPreferences,
    paused: false,
    ...more,
  }
}

export function account(id: string, state: Account['state'], label = `${id}@example.com`): Account {
  return {
    id,
    label,
    state,
    provider: 'p',
    provider_name: 'Provider',
    scope: '',
    renewable: true,
    linked_at: 1,
  }
}

export function request(id: string, created_at: number, name = 'deploy-cli'): AccessRequest {
  return {
    id,
    created_at,
    kind: 'access',
    state: 'pending',
    client: { name, kind: 'cli' },
    scope: '',
    right: 'read',
    expires_at: created_at + 60,
    waiting: 1,
  }
}
