import type { Actor } from './ports.ts'

/** Who asks for an act of a user, for limits and for the audit log (R25). */
export type Caller = {
  /** Who asks in the user's place, and why; left out: the user. */
  readonly operator?: Actor & { readonly reason: string }
  readonly requestId: string
  /** The client's address; limits per address count failures alone (R6). */
  readonly clientAddress: string
}
