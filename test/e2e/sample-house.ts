/**
 * A house as somebody lives in it: accounts in every state, apps, consents, questions, a day of activity. The rule: made
 * up, but nothing in it that the real broker could not say; every moment is told from `now`, so it never looks old.
 */
import type { AccessRequest, Account, ActivityEntry, Client, Grant } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import type { StandIn } from './stand-in-broker.ts'

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

function accountsAt(now: number): readonly Account[] {
  const token = (age: number, lifetime: number): NonNullable<Account['token']> => ({
    obtained_at: now - age,
    expires_at: now - age + lifetime,
    renews_at: now - age + lifetime - Math.min(300, lifetime / 5),
  })
  return [
    {
      id: 'github-ada',
      provider: 'github',
      provider_name: 'GitHub',
      label: 'ada@analytical.dev',
      subject: '1815',
      state: 'connected',
      scope: 'repo read:org gist',
      renewable: true,
      token: token(95 * MINUTE, 8 * HOUR),
      linked_at: now - 41 * DAY,
      last_used_at: now - 3 * MINUTE,
    },
    {
      id: 'google-ada',
      provider: 'google',
      provider_name: 'Google',
      label: 'ada.lovelace@analytical.dev',
      issuer: 'https://accounts.google.com',
      subject: '108',
      state: 'connected',
      scope: 'openid email https://www.googleapis.com/auth/drive.readonly',
      renewable: true,
      token: token(38 * MINUTE, HOUR),
      linked_at: now - 12 * DAY,
      last_used_at: now - 40,
    },
    {
      id: 'entra-ada',
      provider: 'microsoft-entra',
      provider_name: 'Microsoft Entra',
      label: 'a.lovelace@contoso.example',
      issuer: 'https://login.microsoftonline.com/contoso.example/v2.0',
      state: 'offline',
      problem: 'getaddrinfo EAI_AGAIN login.microsoftonline.com',
      scope: 'openid Mail.Read Calendars.Read',
      renewable: true,
      token: token(50 * MINUTE, 75 * MINUTE),
      linked_at: now - 90 * DAY,
      last_used_at: now - 26 * MINUTE,
    },
    {
      id: 'deskpro-support',
      provider: 'deskpro',
      provider_name: 'Deskpro',
      label: 'Support desk',
      issuer: 'https://support.analytical.dev',
      state: 'needs-sign-in',
      problem: 'invalid_grant: The refresh token has been revoked.',
      scope: 'tickets people',
      renewable: true,
      linked_at: now - 3 * DAY,
      last_used_at: now - 6 * HOUR,
    },
    {
      id: 'slack-team',
      provider: 'slack',
      provider_name: 'Slack',
      label: 'Analytical Engines',
      state: 'connected',
      scope: 'chat:write channels:read',
      renewable: false,
      token: { obtained_at: now - 5 * DAY, expires_at: null, renews_at: null },
      linked_at: now - 5 * DAY,
      last_used_at: now - 2 * HOUR,
    },
  ]
}

function clientsAt(now: number): readonly Client[] {
  return [
    {
      id: 'cli',
      name: 'Valetkey command line',
      kind: 'cli',
      paired_at: now - 41 * DAY,
      last_used_at: now - 3 * MINUTE,
    },
    { id: 'deploy', name: 'deploy-cli', kind: 'cli', paired_at: now - 20 * DAY, last_used_at: now - 11 * MINUTE },
    { id: 'report', name: 'nightly-report', kind: 'script', paired_at: now - 9 * DAY, last_used_at: now - 5 * HOUR },
    { id: 'inbox', name: 'Inbox helper', kind: 'extension', paired_at: now - 2 * DAY, last_used_at: now - 40 },
    { id: 'scribe', name: 'scribe', kind: 'agent', paired_at: now - 6 * HOUR, last_used_at: now - HOUR },
  ]
}

function grantsAt(now: number): readonly Grant[] {
  const granted_at = now - 2 * DAY
  return [
    { id: 'g1', client_id: 'cli', account_id: 'github-ada', scope: '', right: 'read', granted_at, until: null },
    {
      id: 'g2',
      client_id: 'deploy',
      account_id: 'github-ada',
      scope: 'repo',
      right: 'read',
      granted_at,
      until: now + 5 * HOUR,
    },
    {
      id: 'g3',
      client_id: 'inbox',
      account_id: 'google-ada',
      scope: 'openid email',
      right: 'use',
      granted_at,
      until: null,
    },
    {
      id: 'g4',
      client_id: 'scribe',
      account_id: 'github-ada',
      scope: 'gist',
      right: 'use',
      granted_at,
      until: now + HOUR,
    },
    {
      id: 'g5',
      client_id: 'report',
      account_id: 'entra-ada',
      scope: 'Mail.Read',
      right: 'read',
      granted_at,
      until: null,
    },
  ]
}

export function questionsAt(now: number): readonly AccessRequest[] {
  return [
    {
      id: 'question',
      kind: 'access',
      state: 'pending',
      client: { id: 'deploy', name: 'deploy-cli', kind: 'cli' },
      account: { id: 'github-ada', label: 'ada@analytical.dev', provider: 'github', provider_name: 'GitHub' },
      scope: 'read:org',
      right: 'read',
      reason: 'to find the team that owns the release',
      code: '408-117',
      created_at: now - 4,
      expires_at: now + 116,
      waiting: 1,
    },
  ]
}

/** A working day: quiet at night, busy in the morning, a few refusals. Oldest first. */
export function activityAt(now: number): readonly Omit<ActivityEntry, 'id'>[] {
  const perHour = [2, 1, 1, 0, 0, 0, 1, 3, 9, 14, 11, 8, 5, 9, 12, 10, 7, 6, 3, 2, 2, 1, 1, 4]
  const uses = [
    ['inbox', 'google-ada', 'openid email'],
    ['deploy', 'github-ada', 'repo'],
    ['cli', 'github-ada', 'repo gist'],
    ['scribe', 'github-ada', 'gist'],
    ['report', 'entra-ada', 'Mail.Read'],
  ] as const
  const first = now - (now % HOUR) - 23 * HOUR
  return perHour.flatMap((count, hour) =>
    Array.from({ length: count }, (_, index): Omit<ActivityEntry, 'id'> => {
      const [client_id, account_id, scope] = uses[(hour * 3 + index) % uses.length] ?? uses[0]
      const at = Math.min(now - 5, first + hour * HOUR + Math.floor((index / count) * 3500))
      const refused = (hour * 7 + index) % 9 === 4
      return {
        at,
        action: 'token',
        outcome: refused ? (index % 2 === 0 ? 'consent_required' : 'login_required') : 'ok',
        client_id,
        account_id: refused && index % 2 === 1 ? 'deskpro-support' : account_id,
        scope,
        took_ms: 2,
      }
    }),
  )
}

/** Puts all of it into every snapshot and into the record; the sign-ins and questions of `house` itself stay. */
export function furnishSample(house: StandIn, more: (snapshot: Snapshot) => Snapshot = (snapshot) => snapshot): void {
  const now = Math.floor(Date.now() / 1000)
  const rows = [...activityAt(now)]
  for (const [action, outcome] of [
    ['lock', 'paused'],
    ['unlock', 'resumed'],
  ] as const)
    rows.push({ at: now - 4 * MINUTE, action, outcome })
  rows.push({ at: now - 2 * MINUTE, action: 'refresh', outcome: 'refreshed', account_id: 'google-ada' })
  for (const row of rows.toSorted((a, b) => a.at - b.at)) house.activity.append(row)
  const names = ['Deskpro', 'GitHub', 'GitLab', 'Google', 'Microsoft Entra', 'Slack', 'Any OpenID provider']
  house.servers.summaries = names.map((name) => ({
    id: name.toLowerCase().replaceAll(' ', '-'),
    name,
    variables: [],
    scopes: ['openid', 'email'],
  }))
  house.patch = (snapshot) =>
    more({
      ...snapshot,
      accounts: accountsAt(now),
      clients: clientsAt(now),
      grants: grantsAt(now),
    })
}
