import { GatewayError } from '../base/errors.ts'

/** Visible ASCII, as in certificates: what fits a header field and a log line and leaves no look-alikes. */
const loginIdPattern = /^[\x21-\x7e]{1,64}$/

/** Longest password. Unit: characters (UTF-16). */
const passwordCharactersMax = 256
/** The same in UTF-8. Unit: bytes. */
const passwordBytesMax = 1_024

/** Whether this can be a login ID, or the id of a contract, which looks the same. */
export function isIdSyntax(text: string): boolean {
  return loginIdPattern.test(text)
}

/** Throws GatewayError `login_id_invalid` for what no login ID can be. The message shows it escaped and shortened. */
export function checkLoginIdSyntax(loginId: string): void {
  if (loginIdPattern.test(loginId)) return
  throw new GatewayError(
    'login_id_invalid',
    `Cannot use loginId as a login ID, which has 1 to 64 letters, digits and signs of ASCII without blanks: ${describeOddId(loginId)}`,
    { path: 'loginId' },
  )
}

/**
 * Whether this can be a password at all: 1 to 256 characters, at most 1 024 bytes of UTF-8, no half of a surrogate pair (two passwords
 * with different halves would be the same in UTF-8).
 */
export function isPasswordSyntax(password: string): boolean {
  return (
    password.length >= 1 &&
    password.length <= passwordCharactersMax &&
    password.isWellFormed() &&
    Buffer.byteLength(password) <= passwordBytesMax
  )
}

/** What is wrong with an id that `isIdSyntax` does not accept, as half a sentence that is safe to show. */
export function describeOddId(loginId: string): string {
  if (loginId === '') return 'it is empty'
  if (loginId.length > 64) return `it has ${loginId.length} characters`
  const odd = loginId.match(/[^\x21-\x7e]/u)?.[0] ?? ''
  const point = odd.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')
  return `it holds U+${point}`
}
