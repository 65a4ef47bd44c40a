import type { Contract, User } from '../../control-path/directory-port.ts'
import type { Row } from './database.ts'

type ContractDetails = Pick<Contract, 'name' | 'noticeDays'>
type UserDetails = Pick<User, 'name' | 'email' | 'language' | 'credentials'>

/**
 * The column `details` of a contract after a change: fields that are left out stay, empty ones are taken away. The same fields, the same text;
 * null: there are none.
 */
export function contractDetailsText(before: Row | undefined, given: Contract): string | null {
  const { name, noticeDays } = { ...contractDetailsOf(before), ...withoutUndefined(given) }
  return textOf({ name, noticeDays: noticeDays?.length === 0 ? undefined : noticeDays })
}

/** The same for a user; each credential is a field of its own. */
export function userDetailsText(before: Row | undefined, given: Omit<User, 'state'>): string | null {
  const old = userDetailsOf(before)
  const { name, email, language } = { ...old, ...withoutUndefined(given) }
  const { login, confirmation } = { ...old.credentials, ...withoutUndefined(given.credentials ?? {}) }
  return textOf({ name, email, language, credentials: nonEmpty({ login, confirmation }) })
}

/** Optional fields from the column `details` of a contract. */
export function contractDetailsOf(row: Row | undefined): ContractDetails {
  return parsed(row) as ContractDetails
}

/** Optional fields from the column `details` of a user. */
export function userDetailsOf(row: Row | undefined): UserDetails {
  return parsed(row) as UserDetails
}

function parsed(row: Row | undefined): object {
  return typeof row?.details === 'string' ? (JSON.parse(row.details) as object) : {}
}

function textOf(fields: Readonly<Record<string, unknown>>): string | null {
  const kept = nonEmpty(fields)
  return kept === undefined ? null : JSON.stringify(kept)
}

function nonEmpty(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

function withoutUndefined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>
}
