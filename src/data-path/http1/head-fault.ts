import type { FaultCode } from '../../base/errors.ts'

/** Why a head or body was refused, as a value. `detail` is for logs: it quotes no field value, path or query. */
export type HeadFault = { readonly fault: FaultCode; readonly detail: string }

/** What a head may be. Byte limits count the head as received, its request or status line and empty line included. */
export type HeadLimits = {
  readonly targetBytesMax: number
  readonly headBytesMax: number
  readonly headFieldsMax: number
  /** Methods let through, upper case. CONNECT is refused even when listed: this gateway is no tunnel. */
  readonly knownMethods: ReadonlySet<string>
}

/** The fault of a head that is ambiguous or wrong: a 400. `detail` is for the log. */
export function headMalformed(detail: string): HeadFault {
  return { fault: 'head_malformed', detail }
}
