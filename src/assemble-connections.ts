import type { DataWorkerPool } from './assemble-pool.ts'
import type { ConnectionSummary } from './trust/live-connections.ts'

/** Which connections: those of a login ID, or the oldest ones. */
export type ConnectionQuestion =
  | { readonly kind: 'login_id'; readonly loginId: string }
  | { readonly kind: 'oldest'; readonly max: number }

/** From the workers of this process. */
export function answerQuestion(
  question: ConnectionQuestion,
  pool: DataWorkerPool,
): Promise<readonly ConnectionSummary[]> {
  return question.kind === 'oldest' ? pool.connections(question.max) : pool.connectionsOf(question.loginId)
}
