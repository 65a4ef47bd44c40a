import { checkLogin } from '../lifecycle/check-password.ts'
import { type ContractUser, type UserCertificate as Held, listContractUsers } from '../lifecycle/contract-users.ts'
import { makeEnrolmentCode } from '../lifecycle/enrolment-code.ts'
import { issueCertificate } from '../lifecycle/issue.ts'
import { closeIssueSession, findIssueSession, openIssueSession } from '../lifecycle/issue-session.ts'
import { unlockUser } from '../lifecycle/lock.ts'
import type { LifecyclePorts } from '../lifecycle/ports.ts'
import { mayRevoke, revokeByUser } from '../lifecycle/revoke-by-user.ts'
import { openEnrolReport, readEnrolReport } from './est/enrol-report.ts'
import type { PortalActs } from './portal-services.ts'
import type { UserCertificate, UserRow } from './user-rows.ts'

/** Binds the acts of the pages to the life of certificates. */
export function portalActs(ports: LifecyclePorts): PortalActs {
  return {
    checkLogin: async (credentials, caller) => (await checkLogin(credentials, caller, ports)).loginId,
    openIssueSession: (loginId) => openIssueSession(loginId, ports),
    findIssueSession: async (token) => (await findIssueSession(token, ports))?.loginId,
    closeIssueSession: (token) => closeIssueSession(token, ports),
    issue: (request, caller) => issueCertificate(request, caller, ports),
    makeEnrolmentCode: (who) => makeEnrolmentCode(who, ports),
    openReport: (expected) => openEnrolReport(expected, ports),
    readReport: async (loginId) => (await readEnrolReport(loginId, ports))?.outcome,
    listUsers: async (contractId) => (await listContractUsers(contractId, ports)).map(userRow),
    mayRevoke: (revoker, target) => mayRevoke({ revoker, target }, ports),
    revoke: async (request, caller) => void (await revokeByUser(request, caller, ports)),
    unlock: async ({ master, loginId }, caller) =>
      void (await unlockUser({ loginId, by: { kind: 'user', revoker: master } }, caller, ports)),
  }
}

function userRow({ loginId, name = '', role, userState, lockedUntilMs, certificate, pending }: ContractUser): UserRow {
  return {
    loginId,
    name,
    role,
    suspended: userState === 'suspended',
    locked: lockedUntilMs !== undefined,
    certificate: certificate && userCertificate(certificate),
    pending: pending && userCertificate(pending),
  }
}

const states = {
  issued: 'unused',
  current: 'valid',
  superseded: 'expired',
  revoked: 'revoked',
  expired: 'expired',
} as const

function userCertificate({ serial, notAfterMs, state }: Held): UserCertificate {
  return { serial, notAfterMs, state: states[state] }
}
