import { GatewayError } from '../base/errors.ts'
import type { Confirmation, LifecyclePorts } from '../lifecycle/ports.ts'

/** Whether and how long to wait for every gateway. */
export type WaitRequest = { readonly wait: boolean; readonly waitSeconds: number }

/** The part of an answer that says which gateways have applied a change. */
export type Confirmed = {
  readonly confirmation?: Confirmation & {
    /** Why nobody could be asked. */
    readonly problem?: string
  }
}

/**
 * Waits until every gateway has applied the version; 0, where nothing was written: all that the store has now. Never rejects for a
 * store that cannot be asked: the change stands, and whoever made it must not be told that it failed.
 */
export async function waitForGateways(
  version: number,
  { wait, waitSeconds }: WaitRequest,
  { publisher, store }: Pick<LifecyclePorts, 'publisher' | 'store'>,
): Promise<Confirmed> {
  if (!wait) return {}
  try {
    const known = version === 0 ? (await store.position()).version : version
    return { confirmation: await publisher.confirmed(known, waitSeconds * 1_000) }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { confirmation: { complete: false, waitedMs: 0, gateways: [], problem: error.message } }
  }
}
