/**
 * Lists for people. The rule: columns are aligned by what a terminal shows, every cell is neutralised, and the last
 * column is never padded, so that a line ends where its text ends.
 */
import { isatty } from 'node:tty'
import { mayColour, neutralise, print, say } from './output.ts'

/** Prints rows under headings; with no rows says `empty` to stderr instead. */
export function printTable(headings: readonly string[], rows: readonly (readonly string[])[], empty: string): void {
  if (rows.length === 0) {
    say(empty)
    return
  }
  const [head = '', ...lines] = formatTable(headings, rows)
  print(mayColour(isatty(1), process.env) ? `\u001b[1m${head}\u001b[0m` : head)
  for (const line of lines) print(line)
}

/** The lines of a table, headings first. Missing and empty cells show as `-`. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const cells = rows.map((row) => headings.map((_heading, column) => neutralise(row[column] ?? '') || '-'))
  const all = [headings.map((heading) => heading.toUpperCase()), ...cells]
  const widths = headings.map((_heading, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))))
  return all.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(column === row.length - 1 ? 0 : (widths[column] ?? 0) - widthOf(cell)))
      .join('  '),
  )
}

const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115e\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u

/** Columns a terminal uses for `text`: two for East Asian wide characters and emoji, none for combining marks. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : wide.test(character) ? 2 : 1
  return width
}

/** A moment in local time, `2026-11-20 09:30:00`; `-` when there is none. `seconds` since the epoch. */
export function formatTime(seconds: number | null | undefined): string {
  if (seconds === undefined || seconds === null) return '-'
  const at = new Date(seconds * 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = [String(at.getFullYear()), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`
}
