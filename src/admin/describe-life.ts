import type { z } from 'zod'
import type { UserCertificate } from '../lifecycle/contract-users.ts'
import { withoutCredentials } from '../lifecycle/export-directory.ts'
import type { HistoryEntry } from '../lifecycle/history.ts'
import type { Contract, User } from '../lifecycle/ports.ts'
import type { KnownCertificate } from '../lifecycle/user-certificates.ts'
import type { certificateAnswer, contractAnswer, historyAnswer, userAnswer } from './answer-schemas.ts'

/** ISO 8601, UTC. */
export function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

/** A contract as answers have it. */
export function describeContract({
  contractId,
  loginMethod,
  certificateLimit,
  name,
  noticeDays,
}: Contract): z.infer<typeof contractAnswer> {
  return { contractId, loginMethod, certificateLimit, name, noticeDays }
}

/** A user as answers have it: never with credentials. */
export function describeUser(user: User): z.infer<typeof userAnswer> {
  const { loginId, contractId, role, state, name, email, language } = withoutCredentials(user)
  return { loginId, contractId, role, state, name, email, language }
}

/** What a user holds, in a list of users. */
export function describeHeld({ notBeforeMs, notAfterMs, lastSeenMs, ...certificate }: UserCertificate) {
  return {
    ...certificate,
    notBefore: isoOf(notBeforeMs),
    notAfter: isoOf(notAfterMs),
    ...(lastSeenMs === undefined ? {} : { lastSeen: isoOf(lastSeenMs) }),
  }
}

/** A certificate of the directory. */
export function describeKnown({ firstSeenMs, ...certificate }: KnownCertificate): z.infer<typeof certificateAnswer> {
  const { loginId, issuerId } = certificate
  const firstSeen = firstSeenMs === undefined ? {} : { firstSeen: isoOf(firstSeenMs) }
  return { ...describeHeld(certificate), loginId, issuerId, ...firstSeen }
}

/** A history, for people. */
export function describeHistory(entries: readonly HistoryEntry[]): z.infer<typeof historyAnswer> {
  return { entries: entries.map(({ atMs, ...entry }) => ({ at: isoOf(atMs), ...entry })) }
}
