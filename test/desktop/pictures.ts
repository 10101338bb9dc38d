/**
 * What a picture of a window says, read off its pixels by tesseract, and whether a token is in it. The rule: a reader errs
 * in letters that look alike and in gaps, so both sides are folded before they are compared, and a few signs in a row are
 * enough.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'

/** Signs in a row that no text has in common with a token by chance. */
const TELLING = 8

/** The text of the whole window as it is drawn now. */
export async function readPicture(page: Page, folder: string): Promise<string> {
  const path = join(folder, 'picture.png')
  writeFileSync(path, await page.screenshot({ fullPage: true }))
  // Sparse text, in no particular order; 96 dots an inch is a screen's measure.
  const { stdout } = await promisify(execFile)('tesseract', [path, '-', '--psm', '11', '--dpi', '96'], {
    env: { ...process.env, OMP_THREAD_LIMIT: '1' },
  })
  return stdout
}

/** The first of `tokens` of which a telling part is in `text`. */
export function tokenInPicture(text: string, tokens: readonly string[]): string | undefined {
  const read = folded(text)
  return tokens.find((token) => {
    const whole = folded(token)
    for (let at = 0; at + TELLING <= whole.length; at++) if (read.includes(whole.slice(at, at + TELLING))) return true
    return false
  })
}

/** Letters that look alike as one, and nothing that is not a letter or a digit. */
function folded(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[il|!]/gu, '1')
    .replaceAll('o', '0')
    .replaceAll('s', '5')
    .replaceAll('z', '2')
    .replaceAll('b', '8')
    .replaceAll('vv', 'w')
    .replaceAll(/[^\da-z]/gu, '')
}
