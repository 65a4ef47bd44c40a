import type { Clock } from '../../src/base/clock.ts'
import type { Candidate, Presented, TrustState } from '../../src/trust/admit.ts'
import type { CertificateOpinion } from '../../src/trust/certificate-opinion.ts'
import type { DenialReason } from '../../src/trust/denial.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { createFreshness, Freshness } from '../../src/trust/freshness.ts'
import { type ConnectionSubject, type LiveConnection, LiveConnections } from '../../src/trust/live-connections.ts'
import type { RevocationIndex } from '../../src/trust/revocation-index.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'

export const issuerId = '00112233445566778899aabbccddeeff'

export function keyOf(serial: string): CertificateKey {
  return certificateKey(issuerId, serial)
}

/** A clock that stands still until the test moves it. */
export class StillClock implements Clock {
  wallMs = Date.UTC(2026, 0, 1)
  monotonic = 1_000_000

  nowMs(): number {
    return this.wallMs
  }

  monotonicMs(): number {
    return this.monotonic
  }

  advance(durationMs: number): void {
    this.wallMs += durationMs
    this.monotonic += durationMs
  }
}

/** An opinion without a fault on a certificate that is valid for an hour around the clock's first time. */
export function goodOpinion(
  serial: string,
  { loginId = 'user01', issuer = issuerId }: { loginId?: string; issuer?: string } = {},
): CertificateOpinion {
  const key = certificateKey(issuer, serial)
  const middleMs = Date.UTC(2026, 0, 1)
  const presented = { serial, notAfterMs: middleMs + 1_800_000, subjectCommonName: loginId, issuerCommonName: 'ca' }
  return {
    certificate: { serial, notBeforeMs: middleMs - 1_800_000, notAfterMs: presented.notAfterMs } as never,
    presented,
    fault: undefined,
    issuer: undefined,
    key,
    issuerValidFromMs: 0,
    issuerValidToMs: Number.POSITIVE_INFINITY,
    loginId,
    loginIdMissing: '',
    revokedEntry: fingerprintOf('revoked', key),
    supersededEntry: fingerprintOf('superseded', key),
    suspendedEntry: fingerprintOf('suspended', loginId),
    ruleSubject: {
      issuerId: issuer,
      loginEntry: fingerprintOf('login_rule', loginId),
      notBeforeMs: middleMs - 1_800_000,
    },
  }
}

/** A connection that remembers how it was cut. */
export class FakeConnection implements LiveConnection {
  readonly id: number
  readonly subject: ConnectionSubject
  readonly openedAtMs = 0
  readonly clientAddress = '127.0.0.1'
  cutFor: DenialReason | undefined

  constructor(id: number, subject: Partial<ConnectionSubject> = {}) {
    this.id = id
    this.subject = {
      door: 'certificate',
      certificateKey: undefined,
      loginId: undefined,
      contractId: undefined,
      ...subject,
    }
  }

  cut(reason: DenialReason): void {
    this.cutFor ??= reason
  }

  directoryChanged(): boolean {
    return false
  }

  /** What a recheck would cut it for; undefined: nothing. */
  judge: () => DenialReason | undefined = () => undefined

  recheck(): boolean {
    const reason = this.judge()
    if (reason !== undefined) this.cut(reason)
    return reason !== undefined
  }
}

export type TrustStand = {
  readonly state: TrustState
  readonly clock: StillClock
  readonly index: RevocationIndexWriter
  readonly freshness: Freshness
  readonly live: LiveConnections
}

/** Fresh and empty trust, without a directory unless asked for. */
export function createTrust(changes: Partial<TrustState> = {}): TrustStand {
  const clock = new StillClock()
  const index = new RevocationIndexWriter()
  const options = { clock, maxStalenessSeconds: 300, insecureServeWhenStale: false }
  const freshness = new Freshness(createFreshness(), options)
  freshness.heard()
  const live = new LiveConnections()
  const state = { clock, index: index as RevocationIndex, freshness, live, directory: false, mustBeRegistered: false }
  return { state: { ...state, ...changes }, clock, index, freshness, live }
}

/** A candidate with a good certificate on a connection of its own. */
export function candidateOf(
  serial: string,
  id = 1,
  named: { loginId?: string; issuer?: string } = {},
): Candidate & { readonly connection: FakeConnection } {
  const opinion = goodOpinion(serial, named)
  const presented: Presented = { kind: 'certificate', opinion, opensslFault: undefined }
  const connection = new FakeConnection(id, { certificateKey: opinion.key, loginId: opinion.loginId })
  return { connection, presented, answer: undefined }
}
