/**
 * A native modal dialog. The rule: closing it by any way (Esc, Close, Cancel) does nothing else; only its own button acts.
 */
import { type ReactElement, type ReactNode, useEffect, useId, useRef } from 'react'

interface DialogProps {
  readonly title: ReactNode
  readonly open: boolean
  readonly onClose: () => void
  readonly children: ReactNode
}

export function Dialog({ title, open, onClose, children }: DialogProps): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const id = useId()
  useEffect(() => {
    const element = dialog.current
    if (!element) return
    if (open && !element.open) {
      element.showModal()
      // The dialog's own choice would be its first control, which may be the one that acts.
      heading.current?.focus()
    } else if (!open && element.open) element.close()
  }, [open])
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      {open && (
        <>
          <h2 id={id} ref={heading} tabIndex={-1}>
            {title}
          </h2>
          {children}
        </>
      )}
    </dialog>
  )
}
