/** The few pictures there are. The rule: a picture never says anything that the word beside it does not. */
import type { ReactElement } from 'react'

const paths = {
  check: 'M20 6 9 17l-5-5',
  cloud: 'M3 3l18 18M9 5.3A7 7 0 0 1 18.7 11h.8a4 4 0 0 1 3 6M17 19H7.5a5.5 5.5 0 0 1-1.6-10.8',
  hourglass: 'M6 3h12M6 21h12M7 3c0 5 5 6 5 9s-5 4-5 9M17 3c0 5-5 6-5 9s5 4 5 9',
  door: 'M14 4h5v16h-5M4 12h11M11 8l4 4-4 4',
  disk: 'M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6',
  wrench: 'M14.5 6.5a4 4 0 0 1 5-4l-2.6 2.6 2 2 2.6-2.6a4 4 0 0 1-5.3 5.1L8 18a2.1 2.1 0 1 1-3-3l8.3-8.3',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  warning: 'M12 4 2.5 20h19zM12 10v4M12 17v.5',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v5M12 8v.5',
  people: 'M4 7h16v12H4zM4 11h16M8 15h4',
  question: 'M4 5h16v11H9l-5 4zM12 13v.2M10 8.5a2 2 0 1 1 2.6 2c-.5.2-.6.5-.6 1',
  grid: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
  list: 'M4 6h16M4 12h16M4 18h10',
  key: 'M8 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 12h9M18 12v4',
  cross: 'M6 6l12 12M18 6 6 18',
  dot: 'M8 12h8',
  gear: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5M9 14.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5',
  pause: 'M9 5v14M15 5v14',
  plus: 'M12 5v14M5 12h14',
  back: 'M11 5l-7 7 7 7M4 12h16',
  away: 'M9 5H5v14h14v-4M13 5h6v6M19 5l-9 9',
} as const

export type IconName = keyof typeof paths

export function Icon({ name }: { readonly name: IconName }): ReactElement {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}

/** A provider's or app's mark: its first letter on one of eight colours. */
export function Mark({ of, round = false }: { readonly of: string; readonly round?: boolean }): ReactElement {
  const letter = /[\p{L}\p{N}]/u.exec(of.slice(0, 200))?.[0].toUpperCase() ?? '•'
  const hue =
    Array.from(of.slice(0, 64), (character) => character.codePointAt(0) ?? 0).reduce(
      (sum, point) => ((sum ^ point) * 16_777) % 65_521,
      7,
    ) % 8
  return (
    <span className={round ? 'mark mark-round' : 'mark'} data-hue={hue} aria-hidden="true">
      {letter}
    </span>
  )
}
