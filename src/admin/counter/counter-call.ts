import type { IncomingMessage } from 'node:http'
import type { GatewayConfig } from '../../config/gateway-config.ts'
import type { LifecyclePorts } from '../../lifecycle/ports.ts'
import type { Language } from '../../portal/portal-texts.ts'
import type { Operator } from '../operator.ts'

/** What the counter pages (取引店窓口) work with; given by the assembly. */
export type CounterServices = {
  readonly lifecycle: LifecyclePorts
  /** As configured now. */
  institution(): GatewayConfig['institution']
  /** IANA name, as configured now. */
  timeZone(): string
}

/** One request of an operator to a counter page. */
export type CounterCall = {
  readonly request: IncomingMessage
  /** HEAD counts as GET. */
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** Undefined: nobody who may be here; for the page that says so. */
  readonly operator: Operator | undefined
  readonly requestId: string
}

/** A page, or with `location` the way to another one. */
export type CounterAnswer = {
  readonly status: number
  readonly body: string
  /** A language that was chosen, to be kept. */
  readonly chosenLanguage?: Language
  /** Path on this door. */
  readonly location?: string
}
