import type { GatewayConfig } from '../../config/gateway-config.ts'
import type { CommandContext } from '../command-context.ts'
import type { Machine } from './machine.ts'
import type { Holder } from './state-holder.ts'

/** A file that the configuration named: its content, or why it could not be read. */
export type ReadFile = { readonly path: string } & (
  | {
      readonly content: string
      readonly mode: number
      /** Whose it is; a user id. */
      readonly owner: number
      /** It is a key or a secret: the configuration wants it closed to others. */
      readonly secret: boolean
    }
  | { readonly fault: unknown }
)

/** The configuration as far as it could be read. */
export type Reading = {
  /** Names the configuration in messages. */
  readonly source: string
  /** Undefined where there are problems. */
  readonly config: GatewayConfig | undefined
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  /** Every file it made this read, also where the configuration is refused. */
  readonly files: readonly ReadFile[]
}

/** What checks look at. */
export type Examined = {
  readonly config: GatewayConfig
  readonly machine: Machine
  readonly env: CommandContext['env']
  /** Wall time. Unit: milliseconds since the epoch. */
  readonly nowMs: number
  /** Of one check. Unit: milliseconds. */
  readonly timeoutMs: number
  /** The gateway that runs on the state folder; undefined: none does. */
  readonly holder: Holder | undefined
}

/** The user that the gateway runs as: whoever has its state folder, where that is known. */
export type GatewayUser = { readonly userId: number; readonly isThisOne: boolean } | undefined
