import { GatewayError } from '../base/errors.ts'
import { type Operator, type OperatorRole, operatorRoles } from './operator.ts'

/** Roles that change something at the counter; the others read. */
export const counterActRoles: readonly OperatorRole[] = ['branch', 'security']

/** The role that allows the operator what takes one of these. Throws `admin_role_missing`. */
export function requireRole(operator: Operator, allowed: readonly OperatorRole[] = operatorRoles): OperatorRole {
  const role = operator.roles.find((candidate) => allowed.includes(candidate))
  if (role !== undefined) return role
  const roles = operator.roles.length === 0 ? 'none' : operator.roles.join(', ')
  throw new GatewayError(
    'admin_role_missing',
    `Cannot let ${operator.name} do this, which takes the role ${allowed.join(' or ')}: current value is ${roles}`,
  )
}

/** Whether the operator may change something at the counter. */
export function mayAct(operator: Operator | undefined): boolean {
  return operator?.roles.some((role) => counterActRoles.includes(role)) === true
}
