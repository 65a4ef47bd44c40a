import type { contractUserList } from '../admin/answer-schemas.ts'
import { textTable } from './text-table.ts'

/** A user in the list of a contract. */
export type ListedUser = (typeof contractUserList)['_output']['users'][number]

/** The users of a contract with what they hold (R12). */
export function describeUsers(users: readonly ListedUser[]): string {
  if (users.length === 0) return 'The contract has no users.\n'
  const rows = users.map(({ loginId, role, state, lockedUntil, certificate, pending, name = '' }) => [
    loginId,
    role,
    lockedUntil === undefined ? state : `${state}, locked until ${lockedUntil}`,
    certificate === undefined ? 'none' : `${certificate.state}${pending === undefined ? '' : ' (another is pending)'}`,
    certificate?.notAfter ?? '-',
    certificate?.lastSeen ?? '-',
    name,
  ])
  return textTable(['LOGIN ID', 'ROLE', 'STATE', 'CERTIFICATE', 'VALID UNTIL', 'LAST SEEN', 'NAME'], rows)
}
