/**
 * Showing what strangers wrote. The rule: names, reasons, labels and error texts come from programs, providers and
 * definition files; they are text and never markup, are isolated from the direction of the words around them, have
 * their control characters made visible, and cannot push anything else off the screen.
 */
import { Fragment, type ReactElement, type ReactNode } from 'react'
import { partsOf, text } from '../text.ts'

/** Characters of a name that fit anywhere, and of a text before it is folded. */
const NAME = 200
const FOLD = 320

/**
 * Control characters and the bidirectional embeddings, overrides and isolates (which make `exe.txt` of `txt.exe`) as
 * U+FFFD. Line breaks stay; the marks that Arabic and Hebrew need stay.
 */
export function visible(value: string): string {
  return value
    .replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069\u200B\u2060\uFEFF]/gu, (found) => (found === '\n' ? found : '\uFFFD'))
    .toWellFormed()
}

/** A name as plain text of bounded length, for places that hold no elements (an option). */
export function plain(value: string): string {
  return visible(value.length > NAME ? `${value.slice(0, NAME)}…` : value)
}

/** A name on one line or a few; the whole is in the `LongText` of the screen that is about it. */
export function Name({ of }: { readonly of: string }): ReactElement {
  return <bdi className="name">{plain(of)}</bdi>
}

/** The id in an extension's origin; what else claims to be one is shown as it is. */
export function ExtensionId({ of }: { readonly of: string }): ReactElement {
  return (
    <code>
      <Name of={of.replace(/^chrome-extension:\/\//u, '')} />
    </code>
  )
}

/** A text of any length; long ones are folded and can be opened. */
export function LongText({ of }: { readonly of: string }): ReactElement {
  if (of.length <= FOLD) return <bdi className="stranger">{visible(of)}</bdi>
  return (
    <details className="long">
      <summary>
        <bdi className="stranger">{visible(`${of.slice(0, FOLD / 2)}…`)}</bdi>{' '}
        <span className="link">{text.showAll(of.length)}</span>
      </summary>
      {/* Reachable by keyboard because it scrolls. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region has to take focus to be scrolled by keys */}
      <div className="long-text" tabIndex={0}>
        <bdi className="stranger">{visible(of)}</bdi>
      </div>
    </details>
  )
}

/** A sentence of ours with values in its `{places}`. */
export function Sentence({
  of,
  values,
}: {
  readonly of: string
  readonly values: Readonly<Record<string, ReactNode>>
}): ReactElement {
  return (
    <>
      {partsOf(of).map((part, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- the parts of one sentence never move
        <Fragment key={index}>{part.value === undefined ? part.text : values[part.value]}</Fragment>
      ))}
    </>
  )
}

/** Scopes as a list of code words, the first `most` of them at once. */
export function Scopes({ of, most = 50 }: { readonly of: string; readonly most?: number }): ReactElement {
  const scopes = [...new Set(of.split(' ').filter((scope) => scope !== ''))]
  const shown = scopes.slice(0, most)
  return (
    <ul className="scopes">
      {shown.map((scope) => (
        <li key={scope}>
          <code>
            <Name of={scope} />
          </code>
        </li>
      ))}
      {scopes.length > shown.length && (
        <li>
          <details className="long">
            <summary>
              <span className="link">{text.more(scopes.length - shown.length)}</span>
            </summary>
            <LongText of={scopes.slice(shown.length).join(' ')} />
          </details>
        </li>
      )}
    </ul>
  )
}
