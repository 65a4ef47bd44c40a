import type { LoginMethod } from '../../control-path/directory-port.ts'
import type { TrustEvent } from '../../control-path/ports.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'

/**
 * What is refused besides revocations: fields of one hash, each with `<version>:<value>`. A field that is missing means that
 * nothing was ever refused.
 */
export const negativeFields = {
  superseded: (key: string): string => `superseded:${key}`,
  suspended: (loginId: string): string => `suspended:${loginId}`,
  loginMethod: (contractId: string): string => `login_method:${contractId}`,
}

/** A value with the version of the event that set it; version 0: it was never set. */
export type Negative = { readonly value: string | undefined; readonly version: number }

/** Takes a value of the hash apart. */
export function readNegative(value: string | undefined): Negative {
  const colon = value?.indexOf(':') ?? -1
  if (value === undefined || colon < 0) return { value: undefined, version: 0 }
  return { value: value.slice(colon + 1), version: Number(value.slice(0, colon)) }
}

/** The last event of a subject, from its field; undefined where somebody else has written. */
export function negativeEvent(field: string, text: string): TrustEvent | undefined {
  const colon = field.indexOf(':')
  const subject = field.slice(colon + 1)
  const { value, version } = readNegative(text)
  if (value === undefined || !Number.isSafeInteger(version)) return undefined
  switch (field.slice(0, colon)) {
    case 'superseded':
      return value === 'yes' ? { version, kind: 'superseded', key: subject as CertificateKey } : undefined
    case 'suspended':
      return { version, kind: 'suspended', loginId: subject, suspended: value === 'yes' }
    case 'login_method':
      return { version, kind: 'login_method', contractId: subject, method: methodOf(value) }
    default:
      return undefined
  }
}

/** The login method that a value of the hash means; without one it is the certificate. */
export function methodOf(value: string | undefined): LoginMethod {
  return value === 'password' ? 'password' : 'certificate'
}
