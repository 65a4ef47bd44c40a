import { hash } from 'node:crypto'

/**
 * What something in the shared index is about. Each kind has its own subject: revoked and superseded a `CertificateKey`,
 * suspended and login_rule (the bound of a revocation rule) a login ID, password_mode a contract ID.
 */
export type EntryKind = 'revoked' | 'superseded' | 'suspended' | 'password_mode' | 'login_rule'

/** 16 bytes as four 32-bit words; the first is never one of the two values the index reserves. */
export type Fingerprint = readonly [number, number, number, number]

/** First word of a slot never used. */
export const emptyWord = 0
/** First word of a slot whose entry was removed; it is never used again, so that readers need no lock. */
export const removedWord = 0xffff_ffff

/**
 * First 128 bits of SHA-256 over kind and subject: two different subjects share one with probability below 2⁻¹⁰⁰
 * even among ten million entries, and a subject's own entry is always found.
 */
export function fingerprintOf(kind: EntryKind, subject: string): Fingerprint {
  const digest = hash('sha256', `${kind}\0${subject}`, 'buffer')
  const first = digest.readUInt32LE(0)
  return [
    first === emptyWord ? 1 : first === removedWord ? removedWord - 1 : first,
    digest.readUInt32LE(4),
    digest.readUInt32LE(8),
    digest.readUInt32LE(12),
  ]
}
