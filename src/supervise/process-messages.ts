import type { BoundAddress } from './socket-handle.ts'

/**
 * What the supervisor and a gateway process say to each other. In a rolling restart the two may be of different versions: a
 * message keeps its meaning, and one that is not known is ignored.
 */

/** From a gateway process to the supervisor. */
export type GatewayMessage =
  | SocketRequest
  /** Its configuration needs a Node started with other flags; it ends and wants to be started again. */
  | { readonly type: 'node_flags'; readonly resumption: boolean }
  /** All that takes time is done: it waits for `open`. */
  | { readonly type: 'prepared' }
  /** Its doors are open. Unit: milliseconds. */
  | { readonly type: 'ready'; readonly drainTimeoutMs: number }
  /** It has let go of what one process only may hold, and sends its audit records from now on. */
  | { readonly type: 'released' }
  /** It could not let go, and goes on as before. */
  | { readonly type: 'release_failed'; readonly message: string }
  | AuditMessage
  /** Wants to know something of the processes that are draining; answered by `retiring_answered` with the same id. */
  | { readonly type: 'ask_retiring'; readonly id: number; readonly question: unknown }
  /** Answers `question`. */
  | { readonly type: 'answer'; readonly id: number; readonly parts: readonly unknown[] }
  /** What became of `reload`: `applied`, `unchanged` or `refused`. */
  | { readonly type: 'reloaded'; readonly result: string }
  /** Answers `ping`: its event loop turns. */
  | { readonly type: 'pong' }
  /** Every connection has ended, or `drainTimeoutMs` have passed. */
  | { readonly type: 'drained' }
  /** The last message: it has put everything in order, and ends. */
  | { readonly type: 'stopped' }

/** Asks for a duplicate of the listening socket of an address; answered by `socket` or `socket_refused` with the same id. */
export type SocketRequest = BoundAddress & {
  readonly type: 'take_socket'
  readonly id: number
  /** Which door, and which of its addresses: tells two addresses with port 0 apart. */
  readonly use: string
}

/** Answers to `take_socket`; `socket` carries the handle. */
export type SocketAnswer =
  | { readonly type: 'socket'; readonly id: number; readonly port: number }
  | { readonly type: 'socket_refused'; readonly id: number; readonly message: string }

/** Audit records to be written by somebody else, and how many were lost before them. */
export type AuditMessage = { readonly type: 'audit'; readonly records: readonly unknown[]; readonly dropped: number }

/** From the supervisor to a gateway process. */
export type SupervisorMessage =
  | SocketAnswer
  /** Take what one process only may hold, and open the doors. */
  | { readonly type: 'open' }
  /** Let go of it for a successor; the doors stay open. */
  | { readonly type: 'release' }
  /** The successor failed: take it back. */
  | { readonly type: 'take_back' }
  /** Of another gateway process, to be written by this one. */
  | AuditMessage
  /** Asked by its successor; answered by `answer` with the same id. */
  | { readonly type: 'question'; readonly id: number; readonly question: unknown }
  /** What all processes that are draining said, put together. */
  | { readonly type: 'retiring_answered'; readonly id: number; readonly parts: readonly unknown[] }
  /** Read the configuration again; answered by `reloaded`, unless another process is about to take over. */
  | { readonly type: 'reload' }
  /** Answered by `pong`. */
  | { readonly type: 'ping' }
  /** Accept no more, let requests in progress end, say `drained`, and wait for `stop`. `successor`: another one accepts. */
  | { readonly type: 'drain'; readonly successor: boolean }
  | { readonly type: 'stop' }
