import { GatewayError } from '../base/errors.ts'
import type { Caller } from './caller.ts'
import { noteHistory } from './history.ts'
import type { IssuedCertificate, IssueRequest } from './issue.ts'
import { nameCertificate } from './issuer-names.ts'
import type { LifecyclePorts } from './ports.ts'

type Issue = { readonly request: IssueRequest; readonly caller: Caller; readonly ports: LifecyclePorts }

/** Puts an issue or renewal on record (R25), into the user's history, and on its way as a mail (R10). */
export function noteIssued(issued: IssuedCertificate, { request, caller, ports }: Issue): void {
  const { loginId, proof } = request
  const { issuer, serial } = nameCertificate(issued.key, ports.issuers)
  const renewed = proof.kind === 'certificate'
  ports.audit({
    event: renewed ? 'certificate_renewed' : 'certificate_issued',
    actor: actorOf(loginId, caller),
    target: { kind: 'certificate', name: `${issuer} ${serial}` },
    ...(caller.operator === undefined ? {} : { reason: caller.operator.reason }),
    requestId: caller.requestId,
    detail: {
      loginId,
      address: caller.clientAddress,
      role: caller.operator?.role,
      notBefore: new Date(issued.notBeforeMs).toISOString(),
      notAfter: new Date(issued.notAfterMs).toISOString(),
      ...(renewed ? { renews: proof.key } : {}),
    },
  })
  const what = renewed ? 'renewed' : 'issued'
  const who = caller.operator?.name ?? loginId
  noteHistory(`login:${loginId}`, { what, who, requestId: caller.requestId, detail: { serial } }, ports)
  // Mails name users alone: an operator is the institution.
  const by = caller.operator === undefined ? loginId : ''
  ports.noticeAct?.({ kind: what, loginId, certificate: { serial, notAfterMs: issued.notAfterMs }, by })
}

/** Puts a request that was not fulfilled on record; a store that is away is nobody's attempt. */
export function noteRefused(error: unknown, { request, caller, ports }: Issue): void {
  const code = error instanceof GatewayError ? error.code : 'internal'
  if (code === 'store_unavailable' || code === 'store_read_only') return
  ports.audit({
    event: 'issue_refused',
    actor: actorOf(request.loginId, caller),
    target: { kind: 'login_id', name: request.loginId },
    reason: code,
    requestId: caller.requestId,
    detail: {
      proof: caller.operator === undefined ? request.proof.kind : 'operator',
      role: caller.operator?.role,
      address: caller.clientAddress,
      explanation: error instanceof GatewayError ? error.message : undefined,
    },
  })
}

/** Who is on record for it. */
function actorOf(loginId: string, { operator }: Caller) {
  return operator === undefined
    ? ({ kind: 'user', name: loginId } as const)
    : ({ kind: 'operator', name: operator.name } as const)
}
