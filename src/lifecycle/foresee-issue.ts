import { GatewayError } from '../base/errors.ts'
import { readSigningRequest } from '../x509/signing-request.ts'
import { checkSigningRequest } from './check-signing-request.ts'
import { decideNow } from './issue-work.ts'
import type { LifecyclePorts } from './ports.ts'

export type ForeseenIssue = {
  readonly loginId: string
  readonly contractId: string
  readonly outcome: 'would_be_issued' | 'would_be_given_again'
}

/**
 * What issuing a first certificate for this request would do, by all that the directory says now; changes nothing. Throws what
 * `issueCertificate` throws before it signs.
 */
export async function foreseeIssue(
  { loginId, requestDer }: { readonly loginId: string; readonly requestDer: Uint8Array },
  ports: LifecyclePorts,
): Promise<ForeseenIssue> {
  const issuing = ports.issuing()
  if (issuing === undefined) throw new GatewayError('issuing_disabled', 'Cannot issue as this gateway has no CA')
  const signingRequest = readSigningRequest(requestDer)
  const user = await ports.store.user(loginId)
  if (user === undefined) throw new GatewayError('login_refused', 'Cannot issue a certificate: there is no such user')
  const { contractId } = user
  checkSigningRequest(signingRequest, { profile: issuing.profile, holder: { loginId, contractId } })
  const request = { loginId, proof: { kind: 'password' }, requestDer } as const
  const { kind } = await decideNow({ request, signingRequest, issuing, contractId, ports })
  return { loginId, contractId, outcome: kind === 'new' ? 'would_be_issued' : 'would_be_given_again' }
}
