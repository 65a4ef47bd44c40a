import { generateKeyPairSync } from 'node:crypto'
import { makeEnrolmentCode } from '../../src/lifecycle/enrolment-code.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { buildSigningRequest } from '../../src/x509/build-signing-request.ts'
import { codeLifeSeconds } from './life-gateway.ts'

/** One certificate to be asked for: who, by which secret, and the signing request as base64. */
export type Order = { readonly loginId: string; readonly secret: string; readonly request: string }

/** DER of a signing request for a new P-256 key, with an empty subject: the CA knows the user. */
export function makeSigningRequest(): Uint8Array {
  return buildSigningRequest({ privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }).der
}

/** Orders by a one-time code each, as the pages give it after the password; made through the store that the gateway uses. */
export async function orderByCode(
  loginIds: readonly string[],
  ports: Pick<LifecyclePorts, 'store' | 'nowMs'>,
): Promise<Order[]> {
  const issuePorts = { ...ports, portal: () => ({ codeLifeSeconds }) } as LifecyclePorts
  const orders: Order[] = []
  for (const loginId of loginIds) {
    const { code } = await makeEnrolmentCode({ loginId, proof: { kind: 'password' } }, issuePorts)
    orders.push(orderOf(loginId, code))
  }
  return orders
}

/** An order by that secret. */
export function orderOf(loginId: string, secret: string): Order {
  return { loginId, secret, request: Buffer.from(makeSigningRequest()).toString('base64') }
}
