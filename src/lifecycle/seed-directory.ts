import type { Actor, CertificateKey, Contract, LifecyclePorts, NewCertificate, User } from './ports.ts'

export type DirectorySeed = {
  readonly contracts: readonly Contract[]
  readonly users: readonly Omit<User, 'state'>[]
  readonly certificates: readonly NewCertificate[]
  /** Revoked unless the store has an opinion already: a certificate that was restored since stays restored. */
  readonly revoked: readonly CertificateKey[]
}

const seeder: Actor = { name: 'sekisho-demo', role: 'security', requestId: 'seed' }

/**
 * Puts contracts, users and certificates into the directory. Repeating it, or doing it from two processes at once, changes
 * nothing more; what operators changed since (login method, suspension, restore) stays. The follower must be running.
 */
export async function seedDirectory(
  seed: DirectorySeed,
  ports: Pick<LifecyclePorts, 'store' | 'publisher'>,
): Promise<void> {
  const { store, publisher } = ports
  for (const contract of seed.contracts) await store.upsertContract(contract)
  for (const user of seed.users) await store.upsertUser(user)
  for (const certificate of seed.certificates) await store.upsertCertificate(certificate)
  const requests = []
  for (const key of seed.revoked) {
    if ((await store.revocation(key)) !== undefined) continue
    requests.push({ key, loginId: undefined, reason: 'unspecified' as const, comment: 'sample data' })
  }
  if (requests.length > 0) await publisher.publish(requests, seeder)
}
