import { systemClock } from '../../base/clock.ts'
import type { GatewayConfig } from '../../config/gateway-config.ts'
import type { DenialReason } from '../../trust/denial.ts'
import { createFreshness, Freshness } from '../../trust/freshness.ts'
import { type Inspection, inspectCertificate } from '../../trust/inspect.ts'
import { LiveConnections } from '../../trust/live-connections.ts'
import { RevocationIndexWriter } from '../../trust/revocation-index-writer.ts'
import { readIssuingCa } from '../../x509/issuing-ca.ts'

/** An inspection of which parts may be unknown. */
export type Foreseen = Omit<Inspection, 'verdict' | 'steps'> & {
  readonly verdict: Inspection['verdict'] | 'unknown'
  readonly steps: readonly {
    readonly check: DenialReason
    readonly result: Inspection['steps'][number]['result'] | 'unknown'
    readonly detail?: string
  }[]
}

/** What only a gateway knows, as its store has told it. */
const ofTheStore: ReadonlySet<DenialReason> = new Set([
  'certificate_revoked',
  'login_id_unknown',
  'certificate_not_registered',
  'certificate_superseded',
  'user_suspended',
  'contract_not_in_certificate_mode',
  'trust_data_stale',
])

/**
 * What each certificate door would say as far as its configuration tells, by the same judge: chain, key, usage, window and login ID. What
 * is refused for one of these is refused; what is not refused is `unknown`, as it may be revoked.
 */
export async function foresee(der: Uint8Array, config: GatewayConfig): Promise<readonly Foreseen[]> {
  const issuers = config.issuers.map((issuer) => readIssuingCa(issuer, systemClock.nowMs()))
  const freshness = new Freshness(createFreshness(), { clock: systemClock, ...config.revocation })
  freshness.heard()
  const nothing = { index: new RevocationIndexWriter({ entriesMax: 1 }), freshness, live: new LiveConnections() }
  const state = { clock: systemClock, ...nothing, directory: false, mustBeRegistered: false }
  return await Promise.all(
    config.doors.certificate.map(async (door) => {
      const rules = {
        issuers: issuers.filter(({ name }) => door.issuers.includes(name)),
        loginId: door.loginId,
        rsaBitsMin: config.certificates.rsaBitsMin,
      }
      const answer = async () => undefined
      return withoutGuesses(await inspectCertificate(der, { name: door.name, rules }, { state, answer }))
    }),
  )
}

function withoutGuesses(inspection: Inspection): Foreseen {
  const steps = inspection.steps.map((step) =>
    step.result === 'passed' && ofTheStore.has(step.check) ? ({ ...step, result: 'unknown' } as const) : step,
  )
  return { ...inspection, verdict: inspection.verdict === 'permitted' ? 'unknown' : inspection.verdict, steps }
}
