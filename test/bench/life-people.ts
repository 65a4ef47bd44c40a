import type { Contract, NewCertificate, User } from '../../src/control-path/directory-port.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'

/** People of a directory as banks have them: contracts of 100 users, the first of each its master (R3). */
export type People = {
  readonly users: number
  /** How many of them have a certificate, from the first on. Default: all. */
  readonly certified?: number
  /** See `issuerIdOf`. */
  readonly issuerId: string
  /** The moment from which ends are counted. Unit: milliseconds since the epoch. */
  readonly nowMs: number
}

/** Users of a full contract. */
export const contractUsers = 100

const dayMs = 86_400_000
const validityDays = 365
/** Shares no factor with the days of a year, so that ends lie evenly over all of them. */
const stride = 7_919

/** Name of the contract at that place. */
export function contractIdAt(place: number): string {
  return `contract-${String(place).padStart(7, '0')}`
}

/** Login ID of the user at that place. */
export function loginIdAt(place: number): string {
  return `user-${String(place).padStart(8, '0')}`
}

/** How many contracts so many users need. */
export function contractsOf(users: number): number {
  return Math.ceil(users / contractUsers)
}

/** The contract at that place, in certificate mode and with room for 100 certificates. */
export function contractAt(place: number): Contract {
  const name = `Bench Company ${place}`
  return { contractId: contractIdAt(place), loginMethod: 'certificate', certificateLimit: contractUsers, name }
}

/** The user at that place, with a mail address. */
export function userAt(place: number): Omit<User, 'state'> {
  const loginId = loginIdAt(place)
  return {
    loginId,
    contractId: contractIdAt(Math.floor(place / contractUsers)),
    role: place % contractUsers === 0 ? 'master' : 'general',
    name: `Bench User ${place}`,
    email: `${loginId}@company.example`,
  }
}

/** Key of the certificate of the user at that place. */
export function certificateKeyAt(place: number, { issuerId }: People): CertificateKey {
  // Sixteen octets as real ones have them, spread as random ones are.
  const serial = BigInt(place + 1) * 0x9e3779b97f4a7c15n
  return certificateKey(issuerId, `5${BigInt.asUintN(60, serial).toString(16).padStart(15, '0')}${hexOf(place)}`)
}

/** The certificate of the user at that place: of a year, the ends of all of them spread evenly over the next one. */
export function certificateAt(place: number, people: People): NewCertificate {
  const days = 1 + ((place * stride) % validityDays)
  const notAfterMs = people.nowMs + days * dayMs - (place % 1_440) * 60_000
  const notBeforeMs = notAfterMs - validityDays * dayMs
  return { key: certificateKeyAt(place, people), loginId: loginIdAt(place), notBeforeMs, notAfterMs }
}

function hexOf(place: number): string {
  return place.toString(16).padStart(16, '0')
}
