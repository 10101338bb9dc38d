/**
 * Who is asking, beside what it says of itself. The rule: it is looked up only when a question was put to the person, and
 * the question is on the screen meanwhile; what comes is shown, and decides nothing.
 */
import type { Ticket } from './approvals.ts'
import type { Desk } from './desk.ts'
import type { Line } from './doors.ts'

/**
 * Adds the first asker to its question. Resolves when that is done, a moment later: an asker that is answered at once is
 * held so long, because whoever has hung up can no longer be looked at. Never rejects.
 */
export async function identify(desk: Desk, { first, request_id }: Ticket, line: Line): Promise<void> {
  if (first && line.peer) desk.approvals.identify(request_id, await line.peer())
}
