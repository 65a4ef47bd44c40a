import { calendarDay } from '../base/calendar-day.ts'

/** What is asked of a certificate: when it ends and, if known, that it is not done with. */
export type NoticeTiming = {
  /** Wall time. Unit: milliseconds since the epoch. */
  readonly nowMs: number
  /** IANA name; days begin and end there. */
  readonly timeZone: string
  /** Days before expiry at which users are told, in any order. */
  readonly days: readonly number[]
  /** Days before expiry from which renewal is offered. Default: the largest of `days`. */
  readonly renewalDueDays?: number
}

/** What a certificate's user is told about its expiry. */
export type ExpiryNotice = {
  /** Calendar days until the day of the expiry; 0 on that day, negative afterwards. */
  readonly daysLeft: number
  /** Whether renewal should be offered now (R11); never once it has expired. */
  readonly renewalDue: boolean
  /** The smallest of `days` that is not below `daysLeft`; undefined: too early, or expired. */
  readonly step: number | undefined
}

const dayMs = 86_400_000

/** The step of `days` that so many days left have reached: the smallest not below them, so that missed steps count as one (R10). */
export function noticeStep(daysLeft: number, days: readonly number[]): number | undefined {
  if (daysLeft < 0) return undefined
  const reached = days.filter((day) => day >= daysLeft)
  return reached.length === 0 ? undefined : Math.min(...reached)
}

/** Whether a certificate has ended: its last second, named by notAfter, still counts (RFC 5280 4.1.2.5). */
export function hasExpired(notAfterMs: number, nowMs: number): boolean {
  return nowMs >= notAfterMs + 1_000
}

/** What pages, headers and mails say about the expiry of a certificate (R10, R11). */
export function noticeFor(certificate: { readonly notAfterMs: number }, timing: NoticeTiming): ExpiryNotice {
  const { nowMs, timeZone, days } = timing
  const { notAfterMs } = certificate
  const daysLeft = calendarDay(notAfterMs, timeZone) - calendarDay(nowMs, timeZone)
  if (hasExpired(notAfterMs, nowMs)) return { daysLeft, renewalDue: false, step: undefined }
  const renewalDueDays = timing.renewalDueDays ?? Math.max(...days)
  // Counted as the doors and issuing itself count: what is offered here is not refused there.
  const renewalDue = Math.floor((notAfterMs - nowMs) / dayMs) <= renewalDueDays
  return { daysLeft, renewalDue, step: noticeStep(daysLeft, days) }
}
