import type { LiveState } from './live-message.ts'

/** What may be wrong, in the order in which it is shown. */
export const alarmCodes = [
  'follower_not_live',
  'data_stale',
  'stale_data_served',
  'store_silent',
  'upstream_down',
  'workers_missing',
  'gateway_behind',
  'own_crl_late',
  'crl_late',
  'certificate_expired',
  'target_out',
  'data_ageing',
  'crl_missing',
  'certificate_expiring',
  'reload_refused',
  'changed_by_hand',
] as const

export type AlarmCode = (typeof alarmCodes)[number]

/** `grave`: users are refused, or a revocation is not in force somewhere, now or soon. */
export type LiveAlarm = {
  readonly code: AlarmCode
  readonly grave: boolean
  /** Gateway, upstream, list or certificate; empty: this gateway. */
  readonly name: string
  /** Address of an upstream's target. */
  readonly target?: string
}

/** What the numbers of the state do not tell. */
export type AlarmFacts = {
  /** Gateways that have been behind for longer than a push takes. */
  readonly longBehind: readonly string[]
  readonly isReloadRefused: boolean
  /** Members of the store's sets that its log knows nothing of. */
  readonly unrecorded: number
}

const storeSilentAfterSeconds = 5
const expiringDays = 30
/** From so many days on an expiry is grave. */
const expiringGraveDays = 7

const grave: ReadonlySet<AlarmCode> = new Set(alarmCodes.slice(0, alarmCodes.indexOf('target_out')))

/** Everything that is wrong, worst first. */
export function findAlarms(state: Omit<LiveState, 'alarms'>, facts: AlarmFacts): LiveAlarm[] {
  const found: LiveAlarm[] = []
  const raise = (code: AlarmCode, name = '', more: Partial<LiveAlarm> = {}) =>
    found.push({ code, grave: grave.has(code), name, ...more })
  checkOwn(state, raise)
  checkUpstreams(state, raise)
  for (const name of facts.longBehind) raise('gateway_behind', name)
  for (const { name, nextUpdateSeconds } of state.published) {
    if (nextUpdateSeconds !== null && nextUpdateSeconds < 0) raise('own_crl_late', name)
  }
  for (const { name, nextUpdateSeconds, entries } of state.crls) {
    if (entries === null) raise('crl_missing', name)
    else if (nextUpdateSeconds !== null && nextUpdateSeconds < 0) raise('crl_late', name)
  }
  for (const { name, daysLeft } of state.certificates) {
    if (daysLeft < 0) raise('certificate_expired', name)
    else if (daysLeft < expiringDays) raise('certificate_expiring', name, { grave: daysLeft < expiringGraveDays })
  }
  if (facts.isReloadRefused) raise('reload_refused')
  if (facts.unrecorded !== 0) raise('changed_by_hand')
  return found.toSorted((one, other) => alarmCodes.indexOf(one.code) - alarmCodes.indexOf(other.code))
}

type Raise = (code: AlarmCode, name?: string, more?: Partial<LiveAlarm>) => void

function checkOwn({ own, gateways }: Omit<LiveState, 'alarms'>, raise: Raise): void {
  if (own.state !== 'live') raise('follower_not_live')
  const ageSeconds = own.dataAgeSeconds ?? Number.POSITIVE_INFINITY
  if (ageSeconds > own.maxStalenessSeconds) {
    // Data that was never loaded is never good enough, whatever is configured.
    raise(own.deniesWhenStale || own.dataAgeSeconds === null ? 'data_stale' : 'stale_data_served')
  } else if (ageSeconds > own.maxStalenessSeconds / 2) raise('data_ageing')
  if (gateways.heardSecondsAgo > storeSilentAfterSeconds) raise('store_silent')
  if (own.workersRunning < own.workersConfigured) raise('workers_missing')
}

function checkUpstreams({ targets }: Omit<LiveState, 'alarms'>, raise: Raise): void {
  for (const [upstream, its] of Map.groupBy(targets, (target) => target.upstream)) {
    const out = its.filter(({ ejected, unhealthy }) => ejected + unhealthy > 0)
    if (out.length === its.length && its.every(({ available }) => available === 0)) {
      raise('upstream_down', upstream)
      continue
    }
    for (const { target } of out) raise('target_out', upstream, { target })
  }
}
