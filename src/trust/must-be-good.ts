import type { IssuerConfig } from '../config/gateway-config.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'

/** The ids of issuers whose certificates pass only while an OCSP responder vouches for them; undefined: there are none. */
export function mustBeGoodOf(
  configs: readonly IssuerConfig[],
  issuers: Iterable<Pick<IssuingCa, 'name' | 'issuerId'>>,
): ReadonlySet<string> | undefined {
  const names = new Set(configs.filter(({ ocsp }) => ocsp?.policy === 'mustBeGood').map(({ name }) => name))
  const ids = [...issuers].filter(({ name }) => names.has(name)).map(({ issuerId }) => issuerId)
  return ids.length === 0 ? undefined : new Set(ids)
}
