/**
 * Who is asking, beside what it says of itself. The rule: it is looked up only when a question was put to the person, and
 * the question does not wait for it; what comes is shown, and decides nothing.
 */
import type { Ticket } from './approvals.ts'
import type { Desk } from './desk.ts'
import type { Line } from './doors.ts'

/** Adds the first asker to its question as soon as it is known. */
export function identify(desk: Desk, { first, request_id }: Ticket, line: Line): void {
  if (!first || !line.peer) return
  void line.peer().then((peer) => {
    desk.approvals.identify(request_id, peer)
    return undefined
  })
}
