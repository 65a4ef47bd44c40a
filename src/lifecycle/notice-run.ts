import { localTime } from '../base/calendar-day.ts'
import { GatewayError } from '../base/errors.ts'
import type { NoticesConfig } from '../config/gateway-config.ts'
import { inParallel } from './in-parallel.ts'
import { mailOf, noticeDaysMax, type PlannedNotice, planNotices } from './notice-plan.ts'
import type { LifecyclePorts } from './ports.ts'

/** What the daily run of notices reaches out for. */
export type NoticePorts = {
  readonly store: Pick<
    LifecyclePorts['store'],
    'addMails' | 'contract' | 'countNote' | 'expiringCertificates' | 'forgetMails' | 'keepNote' | 'mails' | 'readNote'
  >
  /** As configured now. */
  notices(): Pick<NoticesConfig, 'days' | 'sendHour' | 'keepDays'>
  /** IANA name. */
  readonly timeZone: string
  readonly log: LifecyclePorts['log']
  /** Wall time. Unit: milliseconds since the epoch. */
  nowMs(): number
}

/**
 * `early`: before the hour of the day. `done_before`: this day's mails have been written. `elsewhere`: another gateway is at it, or was
 * and failed a moment ago. `done`: they were written now.
 */
export type NoticeRunResult =
  | { readonly state: 'early' | 'done_before' | 'elsewhere' }
  | {
      readonly state: 'done'
      /** Certificates that were looked at. */
      readonly certificates: number
      readonly due: number
      /** Mails that were new. */
      readonly added: number
      /** Users that are due and have no mail address. */
      readonly withoutAddress: number
    }

const dayMs = 86_400_000
/** How long other gateways leave a day's scan to the one that began it; more than it takes. Unit: milliseconds. */
const scanLeaseMs = 600_000
/** How long it is remembered that a day's mails were written. Unit: milliseconds. */
const doneLifeMs = 2 * dayMs
/** Contracts that are looked up at the same time. */
const lookUpWidth = 64
const mailsAtOnce = 1_000

/**
 * Writes the mails of the day into the outbox, unless a gateway has done so already (R10). Any number of gateways may call it at any
 * time: shared notes keep all but one from scanning, and if those are lost, the ids of the mails keep them from going out twice. `force`:
 * scans whatever the hour and whoever did it before. Rejects when the store is away; then another call, from 10 minutes on, goes on.
 */
export async function runNotices(ports: NoticePorts, { force = false } = {}): Promise<NoticeRunResult> {
  const nowMs = ports.nowMs()
  const date = dateOf(nowMs, ports.timeZone)
  if (!force) {
    if (localTime(nowMs, ports.timeZone).hour < ports.notices().sendHour) return { state: 'early' }
    if ((await ports.store.readNote(doneNote(date))) !== undefined) return { state: 'done_before' }
    if ((await ports.store.countNote(`notices:scan:${date}`, scanLeaseMs)) > 1) return { state: 'elsewhere' }
  }
  const counts = { certificates: 0, due: 0, added: 0, withoutAddress: 0 }
  for await (const { certificates, planned } of planAll(nowMs, ports)) {
    const mails = planned.flatMap((notice) => mailOf(notice, nowMs) ?? [])
    counts.certificates += certificates
    counts.due += planned.length
    counts.withoutAddress += planned.length - mails.length
    for (let first = 0; first < mails.length; first += mailsAtOnce) {
      const isNew = await ports.store.addMails(mails.slice(first, first + mailsAtOnce))
      counts.added += isNew.filter(Boolean).length
    }
  }
  await ports.store.keepNote(doneNote(date), JSON.stringify(counts), doneLifeMs)
  await ports.store.forgetMails(nowMs - ports.notices().keepDays * dayMs)
  ports.log.info('Wrote the notices of the day', { date, ...counts })
  return { state: 'done', ...counts }
}

/** What would go out on a day, one row a notice. */
export type ForeseenNotice = {
  readonly loginId: string
  readonly contractId: string
  /** Empty: the user has none, so nothing goes out. */
  readonly email: string
  /** Of the certificate. Unit: milliseconds since the epoch. */
  readonly expires: number
  /** Days before expiry. */
  readonly step: number
  readonly daysLeft: number
  /** The notice of this step was written before. */
  readonly alreadySent: boolean
}

/**
 * What would go out on a day (`YYYY-MM-DD`, in the time zone of the ports) if certificates and users stayed as they are, ordered by login
 * ID. Changes nothing. Throws GatewayError `admin_request_invalid` for what is no date.
 */
export async function foreseeNotices(date: string, ports: NoticePorts): Promise<ForeseenNotice[]> {
  const atMs = momentOf(date, { hour: ports.notices().sendHour, timeZone: ports.timeZone })
  const planned: PlannedNotice[] = []
  for await (const page of planAll(atMs, ports)) planned.push(...page.planned)
  const written = planned.length === 0 ? new Set<string>() : await writtenIds(ports)
  return planned
    .map(({ id, user, certificate, step, daysLeft }) => ({
      loginId: user.loginId,
      contractId: user.contractId,
      email: user.email ?? '',
      expires: certificate.notAfterMs,
      step,
      daysLeft,
      alreadySent: written.has(id),
    }))
    .toSorted((a, b) => (a.loginId < b.loginId ? -1 : a.loginId > b.loginId ? 1 : b.step - a.step))
}

type PlannedPage = { readonly certificates: number; readonly planned: readonly PlannedNotice[] }

/** Everything due at a moment, page by page. */
async function* planAll(nowMs: number, ports: NoticePorts): AsyncGenerator<PlannedPage> {
  const contractDays = new Map<string, readonly number[]>()
  const { days } = ports.notices()
  const { timeZone } = ports
  // One day more than the largest step: days begin at midnight, and the step counts from the day of the expiry.
  for await (const page of ports.store.expiringCertificates(nowMs - 1_000, nowMs + (noticeDaysMax + 1) * dayMs)) {
    const unknown = new Set(page.map(({ user }) => user.contractId).filter((id) => !contractDays.has(id)))
    await inParallel(
      [...unknown],
      async (id) => contractDays.set(id, (await ports.store.contract(id))?.noticeDays ?? []),
      { width: lookUpWidth },
    )
    yield { certificates: page.length, planned: planNotices({ nowMs, timeZone, days, contractDays }, page) }
  }
}

/** Ids of mails of as long ago as a step of a certificate that is still valid may lie. */
async function writtenIds({ store, nowMs }: NoticePorts): Promise<ReadonlySet<string>> {
  const sinceMs = nowMs() - (noticeDaysMax + 2) * dayMs
  const ids = new Set<string>()
  for (const state of ['waiting', 'sent', 'dead'] as const) {
    for (let after: string | undefined; ; ) {
      const page = await store.mails({ state, limit: mailsAtOnce, ...(after === undefined ? {} : { after }) })
      for (const { id } of page) ids.add(id)
      const last = page.at(-1)
      if (last === undefined || page.length < mailsAtOnce || (state !== 'waiting' && last.changedMs < sinceMs)) break
      after = last.id
    }
  }
  return ids
}

function doneNote(date: string): string {
  return `notices:done:${date}`
}

/** `YYYY-MM-DD` in the time zone. */
function dateOf(timeMs: number, timeZone: string): string {
  const { year, month, day } = localTime(timeMs, timeZone)
  return [String(year).padStart(4, '0'), String(month).padStart(2, '0'), String(day).padStart(2, '0')].join('-')
}

/** When a clock in the time zone shows that date and hour. */
function momentOf(date: string, { hour, timeZone }: { hour: number; timeZone: string }): number {
  const wantedMs = Date.parse(`${date}T00:00:00Z`)
  if (!/^\d{4}-\d\d-\d\d$/.test(date) || new Date(wantedMs || 0).toISOString().slice(0, 10) !== date) {
    const shown = JSON.stringify(date.slice(0, 40))
    throw new GatewayError('admin_request_invalid', `Cannot read the date as YYYY-MM-DD: current value is ${shown}`)
  }
  const target = wantedMs + hour * 3_600_000
  // Twice, because the first guess may lie on the other side of a clock change.
  let atMs = target
  for (let round = 0; round < 2; round += 1) {
    const shown = localTime(atMs, timeZone)
    atMs += target - Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute)
  }
  return atMs
}
