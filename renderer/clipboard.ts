/**
 * Putting a text of ours on the clipboard. The rule: the app's window grants no permission to any page, its own included,
 * so where the modern way is refused the old one, which needs only the press itself, is tried.
 */

/** Whether it worked. Only within a press of the person's. */
export async function copyText(value: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(value)
    return true
  } catch {
    return copySelection(value)
  }
}

function copySelection(value: string): boolean {
  const focused = document.activeElement
  const field = document.createElement('textarea')
  field.value = value
  field.readOnly = true
  field.className = 'only-read'
  // Inside an open dialog, because nothing outside one can be selected.
  const place = document.querySelector('dialog[open]') ?? document.body
  place.append(field)
  field.select()
  try {
    // oxlint-disable-next-line typescript/no-deprecated -- the only way to copy without the permission
    return document.execCommand('copy')
  } finally {
    field.remove()
    if (focused instanceof HTMLElement) focused.focus()
  }
}
