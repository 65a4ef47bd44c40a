import { GatewayError } from '../../base/errors.ts'
import { isEnrolmentCode } from '../../lifecycle/enrolment-code.ts'

/** What a program shows on the public door: a one-time code, or the login password. */
export type BasicLogin = {
  readonly kind: 'code' | 'password'
  readonly loginId: string
  readonly secret: string
}

/** Longest field that is read. Unit: characters. */
const fieldCharactersMax = 4_096

/**
 * Reads `Authorization: Basic` (RFC 7617, UTF-8). What has the form of a one-time code is one, and is never tried as a password, nor the
 * other way round: a mistyped code must not lock anybody out.
 *
 * RFC 7617 allows no colon in a name. Login IDs may hold one; a code holds none, so there the last colon divides, and with a password the
 * first. Undefined: the field is absent. Throws GatewayError `login_refused` for another scheme or what cannot be read.
 */
export function readBasicLogin(field: string | undefined): BasicLogin | undefined {
  if (field === undefined) return undefined
  const base64 = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(field.slice(0, fieldCharactersMax + 1))?.[1]
  const text = base64 === undefined || field.length > fieldCharactersMax ? undefined : decode(base64)
  const last = text?.lastIndexOf(':') ?? -1
  if (text === undefined || last < 0) {
    throw new GatewayError('login_refused', 'Cannot read the Authorization field as HTTP Basic (RFC 7617)')
  }
  const end = text.slice(last + 1)
  if (isEnrolmentCode(end)) return { kind: 'code', loginId: text.slice(0, last), secret: end }
  const first = text.indexOf(':')
  return { kind: 'password', loginId: text.slice(0, first), secret: text.slice(first + 1) }
}

function decode(base64: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(base64, 'base64'))
  } catch {
    return undefined
  }
}
