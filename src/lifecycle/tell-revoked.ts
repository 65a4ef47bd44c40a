import { noteHistory } from './history.ts'
import { inParallel } from './in-parallel.ts'
import type { Actor, CertificateKey, LifecyclePorts, PublishOutcome } from './ports.ts'

/** Records looked up and histories written at the same time. */
const parallelMax = 16

type Revoked = { readonly loginId: string; readonly certificates: number }

/**
 * Puts what was revoked just now into the history of those it was revoked from, and has them told by mail (R10), once for each login ID.
 * Certificates without a known login ID are nobody's. Never rejects: what is revoked stays revoked.
 */
export async function tellRevoked(
  outcomes: readonly PublishOutcome[],
  owners: ReadonlyMap<CertificateKey, string | undefined>,
  about: {
    readonly request: { readonly reason: string; readonly comment: string }
    readonly actor: Actor
    readonly ports: LifecyclePorts
  },
): Promise<void> {
  const { request, actor, ports } = about
  const { reason, comment } = request
  try {
    const revoked = await countByOwner(outcomes, owners, ports)
    const tell = async ({ loginId, certificates }: Revoked): Promise<void> => {
      ports.noticeAct?.({ kind: 'revoked', loginId, by: actor.kind === 'user' ? actor.name : '' })
      const detail = { reason, comment, certificates, role: actor.role }
      const { name: who, requestId } = actor
      await noteHistory(`login:${loginId}`, { what: 'revoked', who, requestId, detail }, ports)
    }
    await inParallel(revoked, tell, { width: parallelMax })
  } catch (error) {
    ports.log.warn('who had revoked certificates could not be told', { error: String(error) })
  }
}

async function countByOwner(
  outcomes: readonly PublishOutcome[],
  owners: ReadonlyMap<CertificateKey, string | undefined>,
  ports: LifecyclePorts,
): Promise<readonly Revoked[]> {
  const fresh = outcomes.filter(({ outcome }) => outcome === 'revoked')
  const loginIds = await inParallel(
    fresh,
    // For a certificate named by serial number the store has found out whose it is.
    async ({ key }) => owners.get(key) ?? (await ports.store.revocation(key))?.revocation.loginId,
    { width: parallelMax },
  )
  const counts = new Map<string, number>()
  for (const loginId of loginIds) if (loginId !== undefined) counts.set(loginId, (counts.get(loginId) ?? 0) + 1)
  return [...counts].map(([loginId, certificates]) => ({ loginId, certificates }))
}
