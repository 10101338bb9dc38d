/** Where a person is on the way to a linked account. The rule: the current step is said, not only coloured. */
import type { ReactElement } from 'react'
import { text } from '../text.ts'

/** `at`: index of the current step. */
export function Steps({ at }: { readonly at: number }): ReactElement {
  return (
    <ol className="steps" aria-label={text.link.stepsLabel}>
      {text.link.steps.map((step, index) => (
        <li key={step} aria-current={index === at ? 'step' : undefined} data-passed={index < at ? 'true' : undefined}>
          <span className="step-number" aria-hidden="true">
            {index + 1}
          </span>
          <span className="only-read">{text.link.step(index + 1, text.link.steps.length)} </span>
          {step}
        </li>
      ))}
    </ol>
  )
}
