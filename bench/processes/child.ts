/**
 * The child's side of a measuring process. The rule: it does what its parent asks, one answer per question, and is gone
 * when its parent is.
 */

/** Answers every question of the parent with what `answer` comes to; says `ready` first. */
export function serveParent(answer: (question: never) => unknown): void {
  process.on('disconnect', () => {
    process.exit(0)
  })
  process.on('message', (question) => {
    void Promise.resolve()
      .then(() => answer(question as never))
      .then(
        (value) => process.send?.({ value }),
        (thrown: unknown) => process.send?.({ error: thrown instanceof Error ? thrown.message : String(thrown) }),
      )
  })
  process.send?.('ready')
}
