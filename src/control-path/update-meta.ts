import { GatewayError } from '../base/errors.ts'
import type { MetaName, TrustStore } from './store-port.ts'

/** Each lost race means that another gateway made progress, so a handful suffices. */
const attemptsMax = 50

/**
 * Changes a value that several gateways share, by compare-and-set: `change` is called with what stands there (undefined at
 * first) and again whenever another gateway was quicker. Returns the value that stands there afterwards.
 * `change` returning its argument writes nothing. Throws `store_unavailable`.
 */
export async function updateMeta(
  store: Pick<TrustStore, 'readMeta' | 'writeMeta'>,
  name: MetaName,
  change: (current: string | undefined) => string,
): Promise<string> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const current = await store.readMeta(name)
    const wanted = change(current?.value)
    if (wanted === current?.value) return wanted
    if (await store.writeMeta(name, wanted, current?.revision ?? 0)) return wanted
  }
  throw new GatewayError('store_unavailable', `Cannot change ${name} as other gateways keep changing it`)
}
