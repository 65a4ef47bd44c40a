import { GatewayError } from '../base/errors.ts'
import { type ControlAuditEvent, type RevocationReason, revocationReasons } from '../control-path/ports.ts'
import { type CertificateKey, certificateKey } from '../x509/certificate-key.ts'
import { certificateHold, crlReasons } from '../x509/crl/crl-reasons.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import type { LookTakers } from './crl-look.ts'
import type { FoundCrl } from './crl-messages.ts'
import { recordRevoked } from './crl-record.ts'
import type { CaSourcesPorts, CrlActor } from './ports.ts'

/** Ends the comment of what may be restored by removeFromCRL. */
const holdEnding = ' (certificateHold)'

/** Whose revocations they are. */
export type ApplyContext = {
  readonly issuer: IssuingCa
  /** How the list is called: `<issuer>/<list>`, or `<issuer>` for an operator's file. */
  readonly list: string
  readonly actor: CrlActor
  /** The same for the audit log. */
  readonly recordedActor: ControlAuditEvent['actor']
}

/** Counts of one look. */
export type AppliedCounts = { revoked: number; alreadyRevoked: number; restored: number; connectionsCut: number }

type RevokedEntry = { readonly serial: string; readonly reason: RevocationReason; readonly comment: string }
type Ports = Pick<CaSourcesPorts, 'publisher' | 'store' | 'audit' | 'log'>

/** Gives to the store what a list says, with everything on record. Its calls throw what the store throws. */
export class CrlApply implements Omit<LookTakers, 'taken'> {
  readonly counts: AppliedCounts = { revoked: 0, alreadyRevoked: 0, restored: 0, connectionsCut: 0 }
  readonly #context: ApplyContext
  readonly #ports: Ports

  constructor(context: ApplyContext, ports: Ports) {
    this.#context = context
    this.#ports = ports
  }

  async revoke(list: FoundCrl, serials: readonly string[], reasonCodes: Uint8Array): Promise<void> {
    const { actor } = this.#context
    const requests = serials.map((serial, at) => ({
      key: this.#keyOf(serial),
      loginId: undefined,
      reason: reasonOf(reasonCodes[at]),
      comment: this.#commentOn(list, reasonCodes[at] === certificateHold),
    }))
    const named = requests.map((request, at) => ({ ...request, serial: serials[at] ?? '' }))
    const published = await this.#ports.publisher.publish(requests, actor).catch((error: unknown) => {
      // The store may have taken it by then, and what it took is applied later.
      this.#record(named, 'unconfirmed')
      throw error
    })
    const revoked = named.filter((_, at) => published.outcomes[at]?.outcome === 'revoked')
    this.counts.revoked += revoked.length
    this.counts.alreadyRevoked += serials.length - revoked.length
    this.counts.connectionsCut += published.connectionsCut
    this.#record(revoked, 'revoked')
  }

  /**
   * Restores what this CA had put on hold, if nobody else has revoked it since. The complete list may name it for a while yet: as it
   * is not taken twice, that changes nothing.
   */
  async remove(list: FoundCrl, serials: readonly string[]): Promise<void> {
    for (const serial of serials) await this.#restore(list, serial)
  }

  /** The whole list is in force: puts that on record. */
  recordApplied(list: FoundCrl, warnings: readonly string[]): void {
    const { issuer, actor, recordedActor, list: name } = this.#context
    const { audit, log } = this.#ports
    const { number, baseNumber, entries, place, expired } = list
    const { revoked, restored } = this.counts
    const detail = {
      list: name,
      number,
      kind: baseNumber === undefined ? 'complete' : 'delta',
      baseNumber,
      entries,
      revoked,
      restored,
      expired,
      place,
    }
    audit({
      event: 'crl_applied',
      actor: recordedActor,
      target: { kind: 'issuer', name: issuer.name },
      requestId: actor.requestId,
      detail: { ...detail, warnings: warnings.length === 0 ? undefined : warnings.join('; '), role: actor.role },
    })
    if (warnings.length > 0) log.warn('a CRL was taken with warnings', { issuer: issuer.name, ...detail, warnings })
    else log.info('a CRL was taken', { issuer: issuer.name, ...detail })
  }

  async #restore(list: FoundCrl, serial: string): Promise<void> {
    const { publisher, store, audit, log } = this.#ports
    const { actor, recordedActor, issuer } = this.#context
    const key = this.#keyOf(serial)
    const record = await store.revocation(key)
    const { revocation } = record ?? {}
    const isOurHold = revocation?.actor === actor.name && revocation.comment.endsWith(holdEnding)
    if (record?.state !== 'revoked' || !isOurHold) return
    try {
      if ((await publisher.restore(key, actor)).outcome !== 'restored') return
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'restore_refused') throw error
      log.warn('a certificate that its CA has taken off hold stays revoked', {
        certificate: key,
        reason: error.message,
      })
      return
    }
    this.counts.restored++
    audit({
      event: 'certificate_restored',
      actor: recordedActor,
      target: { kind: 'certificate', name: `${issuer.name} ${serial}` },
      reason: 'removeFromCRL',
      requestId: actor.requestId,
      detail: { loginId: revocation.loginId, comment: this.#commentOn(list, false), role: actor.role },
    })
  }

  #record(entries: readonly RevokedEntry[], outcome: string): void {
    const { issuer, actor, recordedActor } = this.#context
    const { role, requestId } = actor
    const common = { issuer: issuer.name, outcome, role, actor: recordedActor, requestId }
    const alike = Map.groupBy(entries, ({ reason, comment }) => JSON.stringify([reason, comment]))
    for (const group of alike.values()) {
      const serials = group.map(({ serial }) => serial)
      for (const { reason, comment } of group.slice(0, 1)) {
        recordRevoked({ ...common, serials, reason, comment }, this.#ports.audit)
      }
    }
  }

  #keyOf(serial: string): CertificateKey {
    return certificateKey(this.#context.issuer.issuerId, serial)
  }

  #commentOn(list: FoundCrl, isHold: boolean): string {
    return `${nameOf(list, this.#context.list)}${isHold ? holdEnding : ''}`
  }
}

/** A list for people: `CRL 42 of <whose>`. */
export function nameOf({ number, baseNumber }: Pick<FoundCrl, 'number' | 'baseNumber'>, whose: string): string {
  return [baseNumber === undefined ? 'CRL' : 'delta CRL', ...(number === undefined ? [] : [number]), 'of', whose].join(
    ' ',
  )
}

/** A hold, and what is none of ours, is `unspecified`. */
function reasonOf(code = 0): RevocationReason {
  return revocationReasons.find((reason) => reason === crlReasons[code]) ?? 'unspecified'
}
