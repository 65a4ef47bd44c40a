import type { DirectorySeed } from '../../src/lifecycle/seed-directory.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'
import type { TestCa, TestCertificate } from '../helpers/test-ca.ts'

/** What the store calls a certificate. */
export function keyOf(ca: TestCa, certificate: TestCertificate): CertificateKey {
  return certificateKey(ca.issuerId, certificate.serial)
}

/** A directory with one contract in certificate mode, its users, and the certificates recorded for them. */
export function seedOf(
  ca: TestCa,
  users: Readonly<Record<string, readonly TestCertificate[]>>,
  contractId = 'test-shoji',
): DirectorySeed {
  const nowMs = Date.now()
  return {
    contracts: [{ contractId, loginMethod: 'certificate', certificateLimit: 100 }],
    users: Object.keys(users).map((loginId) => ({
      loginId,
      contractId,
      role: loginId.startsWith('master') ? 'master' : 'general',
    })),
    certificates: Object.entries(users).flatMap(([loginId, certificates]) =>
      certificates.map((certificate) => ({
        key: keyOf(ca, certificate),
        loginId,
        notBeforeMs: nowMs - 3_600_000,
        notAfterMs: nowMs + 86_400_000,
      })),
    ),
    revoked: [],
  }
}
