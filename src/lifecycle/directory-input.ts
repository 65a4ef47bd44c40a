import { GatewayError } from '../base/errors.ts'
import { mailAddressPattern } from '../base/mail-address.ts'
import { describeOddId, isIdSyntax, isPasswordSyntax } from './login-id-input.ts'
import { noticeDaysMax } from './notice-plan.ts'
import { isPasswordHash } from './password-hash.ts'
import type { Contract, User } from './ports.ts'

/** Fields of a contract or user as somebody wrote them: in a request, or in one line of a file. */
export type WrittenFields = Readonly<Record<string, unknown>>

/** A contract as it shall be; what is left out stays as it is, an empty text or list is taken away. */
export type ContractInput = Pick<Contract, 'contractId'> & Partial<Contract>

/** A user as they shall be; what is left out stays as it is, an empty text is taken away. */
export type UserInput = Pick<User, 'loginId'> &
  Partial<Omit<User, 'credentials'>> & {
    readonly credentials?: { readonly login?: WrittenPassword; readonly confirmation?: WrittenPassword }
  }

/** A password as it was, or as a PHC string of argon2id. */
export type WrittenPassword = { readonly kind: 'plain' | 'hash'; readonly text: string }

/** Columns of an export of contracts, and what a line of an import may hold. */
export const contractColumns = ['contractId', 'loginMethod', 'certificateLimit', 'name', 'noticeDays'] as const
/** Columns of an export of users. */
export const userColumns = ['loginId', 'contractId', 'role', 'state', 'name', 'email', 'language'] as const
/** What an import of users may hold beside them; never exported. */
export const passwordColumns = [
  'loginPassword',
  'loginPasswordHash',
  'confirmationPassword',
  'confirmationPasswordHash',
] as const

/** R3: the limit may be configured per contract; more would be no limit. */
export const certificateLimitMax = 10_000
const nameLengthMax = 100
const mailAddressLengthMax = 254
const namePattern = /^[^\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]{1,100}$/u

/**
 * Reads the fields of a contract. Numbers may come as text, notice days as a list or as text such as `40 30 10 1`. Throws GatewayError
 * `admin_request_invalid`, path = field, for what cannot be used and for fields that are not known.
 */
export function readContractInput(fields: WrittenFields): ContractInput {
  refuseUnknown(fields, contractColumns)
  return definedOnly({
    contractId: readId(fields, 'contractId'),
    loginMethod: readChoice(fields, 'loginMethod', ['certificate', 'password']),
    certificateLimit: readWhole(fields.certificateLimit, 'certificateLimit', certificateLimitMax),
    name: readName(fields),
    noticeDays: readNoticeDays(fields.noticeDays),
  })
}

/**
 * Reads the fields of a user. Throws GatewayError `admin_request_invalid`, path = field, for what cannot be used and for fields that are
 * not known. Passwords are never shown.
 */
export function readUserInput(fields: WrittenFields): UserInput {
  refuseUnknown(fields, [...userColumns, ...passwordColumns])
  const credentials = definedOnly({
    login: readPassword(fields, 'loginPassword'),
    confirmation: readPassword(fields, 'confirmationPassword'),
  })
  return definedOnly({
    loginId: readId(fields, 'loginId'),
    contractId: fields.contractId === undefined ? undefined : readId(fields, 'contractId'),
    role: readChoice(fields, 'role', ['master', 'general']),
    state: readChoice(fields, 'state', ['active', 'suspended']),
    name: readName(fields),
    email: readMailAddress(fields.email),
    language: fields.language === '' ? ('' as const) : readChoice(fields, 'language', ['ja', 'en']),
    credentials: Object.keys(credentials).length === 0 ? undefined : credentials,
  })
}

function refuseUnknown(fields: WrittenFields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new GatewayError(
    'admin_request_invalid',
    `Cannot use the field ${JSON.stringify(unknown.slice(0, 100))}: the fields are ${known.join(', ')}`,
    { path: unknown.slice(0, 100) },
  )
}

function readId(fields: WrittenFields, field: 'loginId' | 'contractId'): string {
  const value = fields[field]
  if (typeof value !== 'string') throw invalid(field, 'an id', value)
  if (isIdSyntax(value)) return value
  // Full-width letters look the same and are other ones.
  const plain = value.normalize('NFKC').trim()
  const right = isIdSyntax(plain) ? `; ${JSON.stringify(plain)} would be right` : ''
  throw new GatewayError(
    'admin_request_invalid',
    `Cannot use ${field}, which has 1 to 64 letters, digits and signs of ASCII without blanks: ${describeOddId(value)}${right}`,
    { path: field },
  )
}

function readChoice<T extends string>(fields: WrittenFields, field: string, choices: readonly T[]): T | undefined {
  const value = fields[field]
  if (value === undefined) return undefined
  const found = choices.find((choice) => choice === value)
  if (found === undefined) throw invalid(field, choices.join(' or '), value)
  return found
}

function readWhole(value: unknown, field: string, max: number): number | undefined {
  if (value === undefined) return undefined
  const count = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= max) return count
  throw invalid(field, `a whole number from 1 to ${max}`, value)
}

function readName(fields: WrittenFields): string | undefined {
  const { name } = fields
  if (name === undefined || name === '') return name
  if (typeof name === 'string' && namePattern.test(name) && name.length <= nameLengthMax) return name
  throw invalid('name', `a text of 1 to ${nameLengthMax} characters without control characters`, name)
}

function readMailAddress(email: unknown): string | undefined {
  if (email === undefined || email === '') return email
  if (typeof email === 'string' && email.length <= mailAddressLengthMax && mailAddressPattern.test(email)) return email
  throw invalid('email', 'a mail address such as taro@example.jp', email)
}

function readNoticeDays(value: unknown): readonly number[] | undefined {
  if (value === undefined) return undefined
  const parts = typeof value === 'string' ? value.split(/[\s;]+/).filter((part) => part !== '') : value
  if (!Array.isArray(parts)) throw invalid('noticeDays', 'a list of days such as 40 30 10 1', value)
  const days = parts.map((part) => readWhole(part, 'noticeDays', noticeDaysMax) ?? 0)
  return [...new Set(days)].toSorted((left, right) => right - left)
}

function readPassword(fields: WrittenFields, field: 'loginPassword' | 'confirmationPassword') {
  const plain = fields[field]
  const hash = fields[`${field}Hash`]
  if (plain !== undefined && hash !== undefined) {
    throw new GatewayError('admin_request_invalid', `Cannot use ${field} and ${field}Hash together`, { path: field })
  }
  if (plain !== undefined) {
    if (typeof plain === 'string' && isPasswordSyntax(plain)) return { kind: 'plain', text: plain } as const
    throw secretInvalid(field, 'a password of 1 to 256 characters')
  }
  if (hash === undefined) return undefined
  if (typeof hash === 'string' && isPasswordHash(hash)) return { kind: 'hash', text: hash } as const
  throw secretInvalid(`${field}Hash`, 'a PHC string of argon2id such as $argon2id$v=19$m=19456,t=2,p=1$…$…')
}

function invalid(field: string, expected: string, value: unknown): GatewayError {
  const shown = (JSON.stringify(value) ?? 'nothing').slice(0, 100)
  return new GatewayError('admin_request_invalid', `Cannot use ${field} as ${expected}: current value is ${shown}`, {
    path: field,
  })
}

/** Never shows the value. */
function secretInvalid(field: string, expected: string): GatewayError {
  return new GatewayError('admin_request_invalid', `Cannot use ${field} as ${expected}`, { path: field })
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

function definedOnly<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>
}
