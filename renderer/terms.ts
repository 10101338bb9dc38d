/**
 * Codes and states in words. The rule: they become sentences here and nowhere else, and each `switch` covers its whole
 * union, so a new code does not compile until somebody has said what it means.
 */
import type { ErrorCode } from '../main/contract/errors.ts'
import type {
  AccountState,
  ClientKind,
  Duration,
  Flow,
  Redirect,
  RequestKind,
  Right,
  VaultState,
} from '../main/contract/model.ts'
import type { KeySlotKind, UnlinkReport } from '../main/contract/window-api.ts'
import type { Connection } from './bridge.ts'

/** What a refusal means, in general; its own description says the rest. */
export function errorSentence(code: ErrorCode): string {
  switch (code) {
    case 'invalid_request':
      return 'Something in this is not right.'
    case 'invalid_client':
      return 'This window is not signed in to Valetkey any more.'
    case 'pairing_required':
      return 'That app has to be paired first.'
    case 'access_denied':
      return 'That was refused.'
    case 'consent_required':
      return 'That needs somebody’s approval first.'
    case 'invalid_scope':
      return 'The account does not have these scopes.'
    case 'not_found':
      return 'That is not there any more.'
    case 'account_selection_required':
      return 'Say which account is meant.'
    case 'login_required':
      return 'You need to sign in at the provider again.'
    case 'locked':
      return 'The vault is locked.'
    case 'slow_down':
      return 'That was too often; wait a little.'
    case 'server_error':
      return 'Valetkey made a mistake.'
    case 'provider_error':
      return 'The provider gave an answer Valetkey cannot use.'
    case 'temporarily_unavailable':
      return 'The provider cannot be reached just now.'
    case 'timeout':
      return 'It took too long.'
    case 'not_running':
      return 'Valetkey does not answer.'
  }
}

/** An account's state in words; `{provider}` is put in by the caller. */
export function stateWords(state: AccountState): { readonly word: string; readonly more?: string } {
  switch (state) {
    case 'connected':
      return { word: 'Connected' }
    case 'signing-in':
      return { word: 'Waiting for your browser…' }
    case 'offline':
      return {
        word: 'Can’t reach {provider}',
        more: 'Valetkey keeps trying; a token that is still good is still given out.',
      }
    case 'needs-sign-in':
      return { word: 'Sign in again', more: '{provider} ended this session.' }
    case 'unsaved':
      return {
        word: 'Not saved to disk',
        more: 'A new refresh token lives only in memory. Make room on the disk and leave Valetkey running.',
      }
    case 'misconfigured':
      return { word: 'Client refused', more: '{provider} refuses the client, not you. Check its ID and secret.' }
    case 'locked':
      return { word: 'Locked', more: 'Unlock the vault to use this account.' }
  }
}

export function connectionWords(connection: Connection): { readonly word: string; readonly more?: string } | undefined {
  switch (connection) {
    case 'live':
      return undefined
    case 'connecting':
      return { word: 'Connecting…' }
    case 'reconnecting':
      return { word: 'Reconnecting…', more: 'What you see may be old.' }
    case 'lost':
      return {
        word: 'Connection lost',
        more: 'What you see may be old. Valetkey may have stopped; “valetkey status” tells.',
      }
    case 'signed-out':
      return {
        word: 'Signed out',
        more: 'This browser is not signed in to the console any more. Run “valetkey status --console” for a new link.',
      }
  }
}

export function kindWords(kind: ClientKind): string {
  switch (kind) {
    case 'cli':
      return 'command-line tool'
    case 'script':
      return 'script'
    case 'extension':
      return 'browser extension'
    case 'agent':
      return 'AI agent'
  }
}

/** The question's own title; `{client}`, `{provider}` are put in by the caller. */
export function questionTitle(kind: RequestKind, withAccount: boolean): string {
  switch (kind) {
    case 'pair':
      return '{client} wants to be paired with Valetkey'
    case 'access':
      return withAccount
        ? '{client} wants to use your {provider} account'
        : '{client} wants to use one of your accounts'
    case 'sign-in':
      return withAccount ? '{client} needs you to sign in to {provider} again' : '{client} needs you to sign in'
  }
}

/** What happens when it is allowed. */
export function consequence(kind: RequestKind, right: Right): string {
  switch (kind) {
    case 'pair':
      return 'It may ask you for accounts from now on. It gets none by this.'
    case 'access':
      return rightWords(right).sentence
    case 'sign-in':
      return 'You sign in at the provider in your browser. The app sees none of it.'
  }
}

export function rightWords(right: Right): {
  readonly short: string
  readonly title: string
  readonly sentence: string
} {
  switch (right) {
    case 'use':
      return {
        short: 'use through Valetkey',
        title: 'Use it through Valetkey.',
        sentence: 'Valetkey makes the calls for it. The app never sees a token.',
      }
    case 'read':
      return {
        short: 'read tokens',
        title: 'Read its tokens.',
        sentence: 'A working access token leaves Valetkey. The app can act as you with it until the token expires.',
      }
  }
}

export const durations: readonly Duration[] = ['once', '1h', '8h', 'until-locked', 'always']

export function durationWords(duration: Duration): string {
  switch (duration) {
    case 'once':
      return 'Just this once'
    case '1h':
      return 'For 1 hour'
    case '8h':
      return 'For 8 hours'
    case 'until-locked':
      return 'Until Valetkey locks'
    case 'always':
      return 'Until I stop it'
  }
}

export function vaultWords(state: VaultState): { readonly word: string; readonly more?: string } {
  switch (state) {
    case 'unlocked':
      return { word: 'Unlocked' }
    case 'locked':
      return { word: 'Locked', more: 'No app gets a token until you unlock it.' }
    case 'read-only':
      return { word: 'Read-only', more: 'Tokens are given out, but nothing can be linked, changed or removed.' }
    case 'damaged':
      return {
        word: 'Damaged',
        more: 'No app gets a token. Nothing was deleted; “valetkey doctor” tells what can be done.',
      }
  }
}

/** How the vault's key is kept: a few words, what that protects against, and what it does not. */
export function protectionWords(kind: KeySlotKind): {
  readonly word: string
  readonly does: string
  readonly doesNot: string
} {
  switch (kind) {
    case 'safe-storage':
      return {
        word: 'the operating system, for your login',
        does: 'A copy of the disk or of a backup is of no use to anybody without your login.',
        doesNot: 'While you are logged in, a program that runs as you can ask the system for the key too.',
      }
    case 'os-keyring':
      return {
        word: 'your desktop’s keyring',
        does: 'A copy of the disk or of a backup is of no use to anybody without what opens the keyring.',
        doesNot: 'While the keyring is open, a program that runs as you can ask it for the key too.',
      }
    case 'passphrase':
      return {
        word: 'your passphrase',
        does: 'The passphrase is written down nowhere; without it the vault is noise, also to programs that run as you.',
        doesNot:
          'While the vault is unlocked, its key is in Valetkey’s memory. A forgotten passphrase opens nothing again.',
      }
    case 'key-file':
      return {
        word: 'a file beside the vault',
        does: 'Other users of this computer cannot read the file.',
        doesNot: 'Whoever gets your files, by a backup or a stolen disk, has the vault and its key together.',
      }
  }
}

/** A way back from the browser: what happens, and what the button that tries it says. */
export function redirectWords(redirect: Redirect): { readonly how: string; readonly offer: string } {
  switch (redirect) {
    case 'custom-scheme':
      return {
        how: 'When you are done, the browser asks whether to open Valetkey. Allow it, and you are back here.',
        offer: 'Try another way: straight back to the app',
      }
    case 'loopback':
      return {
        how: 'When you are done, the browser ends on a page of Valetkey on this computer, and this page notices by itself.',
        offer: 'Try another way: over a page on this computer',
      }
    case 'oob':
      return {
        how: 'When you are done, the provider shows you a code. Copy it and paste it here.',
        offer: 'Try another way: with a code the provider shows',
      }
    case 'paste':
      return {
        how: 'When you are done, the browser ends on a page that does not load. Copy that page’s whole address and paste it here.',
        offer: 'Try another way: paste the address yourself',
      }
  }
}

/** A way to sign in: what it is called, and what it means for the person. */
export function flowWords(flow: Flow): { readonly name: string; readonly how: string } {
  switch (flow) {
    case 'browser':
      return { name: 'In the browser', how: 'You sign in on the provider’s own page.' }
    case 'device':
      return {
        name: 'On another device',
        how: 'You enter a short code on the provider’s page, on a phone for example.',
      }
    case 'client-credentials':
      return { name: 'As the app itself', how: 'Nobody signs in; the client ID and secret are enough.' }
    case 'password':
      return {
        name: 'With email and password',
        how: 'You type them here, and Valetkey hands them to the provider. Only if the provider has no page to sign in on.',
      }
  }
}

/** What became of the tokens at the provider. */
export function unlinkWords(remote: UnlinkReport['remote']): {
  readonly tone: 'good' | 'warning'
  readonly message: string
} {
  switch (remote) {
    case 'revoked':
      return { tone: 'good', message: 'The account was removed, and the provider has ended its session.' }
    case 'kept':
      return {
        tone: 'good',
        message: 'The account was removed here. The session at the provider goes on, as you asked.',
      }
    case 'unsupported':
      return {
        tone: 'warning',
        message:
          'The account was removed here. This provider has no way to end the session from outside; do it on its own website.',
      }
    case 'failed':
      return {
        tone: 'warning',
        message:
          'The account was removed here, but the provider could not be told. End the session on its own website.',
      }
  }
}
