/**
 * `clipboard` and `ClipboardItem` (Electron's pages of those names), as they are since Electron 44: promises and items. The
 * rule: it is the app's own, empty at the start; the machine's clipboard is neither read nor written.
 *
 * Modelled: text and items of text or blobs, including raw formats (`electron application/osclipboard;format="…"`). Not
 * modelled: bookmarks, the selection clipboard, sharing with the page's `navigator.clipboard`.
 */
import type Electron from 'electron'
import { modelled } from './modelled.ts'

let held: readonly Electron.ClipboardItem[] = []

class Item {
  readonly types: string[]
  readonly #items: Readonly<Record<string, unknown>>

  constructor(items: ConstructorParameters<typeof Electron.ClipboardItem>[0]) {
    this.#items = items
    this.types = Object.keys(items)
  }

  async getType(type: string): Promise<Blob> {
    const given = await this.#items[type]
    if (given instanceof Blob) return given
    if (typeof given === 'string') return new Blob([given], { type })
    throw new Error(`electron stand-in: the clipboard item holds no text and no blob of type ${type}`)
  }
}

export const ClipboardItem = Item as unknown as typeof Electron.ClipboardItem

export const clipboard = modelled<Electron.Clipboard>('clipboard', {
  clear() {
    held = []
  },
  has: async (mimetype) => held.some(({ types }) => types.includes(mimetype)),
  read: async () => [...held],
  async write(data) {
    held = data
  },
  async readText() {
    const item = held.find(({ types }) => types.includes('text/plain'))
    return item ? (await item.getType('text/plain')).text() : ''
  },
  async writeText(text) {
    held = [new ClipboardItem({ 'text/plain': text })]
  },
} satisfies Partial<Electron.Clipboard>)
