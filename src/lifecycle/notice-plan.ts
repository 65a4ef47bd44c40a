import { calendarDay } from '../base/calendar-day.ts'
import { parseCertificateKey } from '../x509/certificate-key.ts'
import { type ExpiryBody, writeBody } from './notice-body.ts'
import { type NoticeTiming, noticeFor } from './notice-step.ts'
import type { Expiring, NewMail } from './ports.ts'

/**
 * Largest number of days before expiry at which a notice goes out. Unit: days. The configuration allows no more; a contract's own
 * larger numbers are passed over.
 */
export const noticeDaysMax = 120

/** One notice of expiry that is due: which step of which certificate, and to whom. */
export type PlannedNotice = {
  /** The same for the same step of the same certificate, so that it goes out once (R10). */
  readonly id: string
  readonly user: Expiring['user']
  readonly certificate: Expiring['certificate']
  readonly step: number
  readonly daysLeft: number
}

/** As configured, and per contract: days of its own, empty where it has none. */
export type PlanOptions = NoticeTiming & { readonly contractDays?: ReadonlyMap<string, readonly number[]> }

/**
 * The notices that are due for these certificates now (R10), one each: the step reached last, so that missed ones count as one. Nobody
 * is told of a certificate that was revoked, superseded (a newer one was used) or has expired, nor who is suspended. While a newer one
 * waits for its first use, the user is still told: the old one is what they log in with. A certificate never used yet is not told of at
 * steps that lay before its own beginning.
 */
export function planNotices(options: PlanOptions, expiring: readonly Expiring[]): PlannedNotice[] {
  return expiring.flatMap(({ user, certificate }) => {
    if (user.state !== 'active' || certificate.revoked || certificate.state === 'superseded') return []
    const days = stepsOf(user.contractId, options)
    if (days.length === 0) return []
    const { daysLeft, step } = noticeFor(certificate, { ...options, days })
    if (step === undefined) return []
    if (certificate.state === 'issued' && step >= daysOfLife(certificate, options.timeZone)) return []
    return [{ id: `expiry:${certificate.key}:${step}`, user, certificate, step, daysLeft }]
  })
}

/** The mail of a notice; undefined where the user has no address. */
export function mailOf({ id, user, certificate, step }: PlannedNotice, dueMs: number): NewMail | undefined {
  const { email: to = '', loginId, language = '', name = '' } = user
  if (to === '') return undefined
  const { key, notAfterMs } = certificate
  const { serial } = parseCertificateKey(key)
  const body: ExpiryBody = { kind: 'expiry', loginId, key, serial, notAfterMs, step, language, name }
  return { id, loginId, to, body: writeBody(body), dueMs }
}

function stepsOf(contractId: string, { contractDays, days }: PlanOptions): readonly number[] {
  const own = contractDays?.get(contractId) ?? []
  return (own.length === 0 ? days : own).filter((day) => day >= 0 && day <= noticeDaysMax)
}

function daysOfLife({ notBeforeMs, notAfterMs }: Expiring['certificate'], timeZone: string): number {
  return calendarDay(notAfterMs, timeZone) - calendarDay(notBeforeMs, timeZone)
}
