import type { MetricSheet } from '../base/metric-sheet.ts'
import { backgroundMetricRows } from './background-metric-rows.ts'
import { type BackgroundMetrics, createBackgroundMetrics } from './background-metrics.ts'
import { createMailMetrics, type MailMetrics } from './mail-metrics.ts'
import {
  durationBuckets,
  followerStates,
  type reconcileDifferences,
  type reconcileResults,
  type reloadResults,
  statusClasses,
  statusClassIndex,
} from './metric-labels.ts'
import { outsideMetricRows } from './outside-metric-rows.ts'
import { createOutsideMetrics, type OutsideMetrics } from './outside-metrics.ts'

/** What only the control thread knows. Unknown names count in `sekisho_metrics_lost_total` and never throw. */
export type ControlMetrics = TrustMetrics &
  BackgroundMetrics &
  OutsideMetrics &
  MailMetrics & {
    revocationEntries(issuer: string, entries: number): void
    /** Unit: seconds since the store was last heard, on the monotonic clock. */
    revocationDataAge(seconds: number): void
    revocationsApplied(count: number): void
    certificateDaysLeft(kind: 'server' | 'client' | 'issuer', name: string, days: number): void
    workersRunning(count: number): void
    workerRestarted(): void
    auditRecorded(): void
    auditDropped(records: number): void
    adminRequestEnded(route: string, status: number): void
    /** A reload ended; whether it was refused is shown until the next one. */
    configReloaded(result: (typeof reloadResults)[number]): void
    /** Wall time at which the configuration in force was loaded. Unit: seconds since the epoch. */
    configLoaded(atSeconds: number): void
  }

/** How the trust data of this gateway stands to the store and to other gateways. */
export type TrustMetrics = {
  /** In which state the follower of the store is now; `connecting` until this is called. */
  followerState(state: (typeof followerStates)[number]): void
  /** A revocation was applied by every worker, so long after the store took it, by the store's clock. Unit: seconds. */
  revocationApplied(seconds: number): void
  reconcileEnded(result: (typeof reconcileResults)[number]): void
  /** Adds what a comparison with the store found. */
  reconcileDifferences(kind: (typeof reconcileDifferences)[number], count: number): void
  /** Unit: seconds since the newest snapshot was written; NaN while there is none, which no comparison in an alert matches. */
  snapshotAge(seconds: number): void
  snapshotFailed(): void
  rulesInForce(count: number): void
  /** Unit: bytes. */
  indexBytes(bytes: number): void
  /** Gateways that report to the store now, this one included. */
  gatewaysLive(count: number): void
  /** Gateways that reported and have fallen silent, or say that they are not up to date. */
  gatewaysBehind(count: number): void
  /** The store was found to know less than this gateway. */
  storeBehind(): void
  /** Permitted connections now that a revocation of their certificate would not find: 0, or there is a defect. */
  connectionsUntracked(count: number): void
  /** Members of the store's sets that its log knows nothing of; negative where members were taken out. */
  unrecordedRevocations(count: number): void
}

/** Writes the control thread's own sheet. `useSheet`: goes on with another one, into which the numbers were carried. */
export function createControlMetrics(first: MetricSheet): ControlMetrics & { useSheet(sheet: MetricSheet): void } {
  let sheet = first
  let known = findSeries(sheet)
  const find = (...series: string[]) => known.get(series.join(' '))
  const lost = () => find('sekisho_metrics_lost_total') as number
  const set = (target: number | undefined, value: number) =>
    target === undefined ? sheet.add(lost(), 1) : sheet.set(target, value)
  const add = (target: number | undefined, amount: number) =>
    sheet.add(target ?? lost(), target === undefined ? 1 : amount)
  const observe = (target: number | undefined, seconds: number) =>
    target === undefined ? sheet.add(lost(), 1) : sheet.observe(target, durationBuckets, seconds)
  const trust = createTrustMetrics({ find, set, add, observe })
  markUnknown(sheet, new Set())
  set(find('sekisho_config_last_reload_successful'), 1)
  trust.followerState('connecting')

  return {
    ...trust,
    ...createOutsideMetrics({ find, set, add }),
    ...createMailMetrics({ find, set, add }),
    ...createBackgroundMetrics({ find, set }),
    revocationEntries: (issuer, entries) => set(find('sekisho_revocation_entries', issuer), entries),
    revocationDataAge: (seconds) => set(find('sekisho_revocation_data_age_seconds'), seconds),
    revocationsApplied: (count) => add(find('sekisho_revocations_applied_total'), count),
    certificateDaysLeft: (kind, name, days) => set(find('sekisho_certificate_days_left', kind, name), days),
    workersRunning: (count) => set(find('sekisho_workers'), count),
    workerRestarted: () => add(find('sekisho_worker_restarts_total'), 1),
    auditRecorded: () => add(find('sekisho_audit_records_total'), 1),
    auditDropped: (records) => add(find('sekisho_audit_records_dropped_total'), records),
    adminRequestEnded: (route, status) =>
      add(find('sekisho_admin_requests_total', route, statusClasses[statusClassIndex(status)] ?? 'none'), 1),
    configReloaded(result) {
      add(find('sekisho_config_reloads_total', result), 1)
      set(find('sekisho_config_last_reload_successful'), result === 'refused' ? 0 : 1)
    },
    configLoaded: (atSeconds) => set(find('sekisho_config_loaded_timestamp_seconds'), atSeconds),
    useSheet(next) {
      markUnknown(next, new Set(known.keys()))
      sheet = next
      known = findSeries(next)
    },
  }
}

type SheetWriter = {
  find(...series: string[]): number | undefined
  set(slot: number | undefined, value: number): void
  add(slot: number | undefined, amount: number): void
  observe(slot: number | undefined, seconds: number): void
}

function createTrustMetrics({ find, set, add, observe }: SheetWriter): TrustMetrics {
  return {
    followerState(state) {
      for (const other of followerStates) set(find('sekisho_follower_state', other), other === state ? 1 : 0)
    },
    revocationApplied: (seconds) => observe(find('sekisho_revocation_apply_seconds'), seconds),
    reconcileEnded: (result) => add(find('sekisho_reconciles_total', result), 1),
    reconcileDifferences: (kind, count) => add(find('sekisho_reconcile_differences_total', kind), count),
    snapshotAge: (seconds) => set(find('sekisho_snapshot_age_seconds'), seconds),
    snapshotFailed: () => add(find('sekisho_snapshot_failures_total'), 1),
    rulesInForce: (count) => set(find('sekisho_revocation_rules'), count),
    indexBytes: (bytes) => set(find('sekisho_revocation_index_bytes'), bytes),
    gatewaysLive: (count) => set(find('sekisho_gateways_live'), count),
    gatewaysBehind: (count) => set(find('sekisho_gateways_behind'), count),
    storeBehind: () => add(find('sekisho_store_behind_total'), 1),
    connectionsUntracked: (count) => set(find('sekisho_connections_untracked'), count),
    unrecordedRevocations: (count) => set(find('sekisho_revocations_unrecorded'), count),
  }
}

const startingUnknown = new Set(
  [...outsideMetricRows, ...backgroundMetricRows].filter((row) => row.startsUnknown).map(({ name }) => name),
)

/** Series that were there before have their numbers already. */
function markUnknown(sheet: MetricSheet, before: ReadonlySet<string>): void {
  for (const [series, slot] of findSeries(sheet)) {
    const name = series.split(' ', 1)[0] ?? ''
    if (startingUnknown.has(name) && !before.has(series)) sheet.set(slot, Number.NaN)
  }
}

function findSeries({ layout }: MetricSheet): ReadonlyMap<string, number> {
  return new Map(
    layout.metrics.flatMap(({ name, series, firstSlot, slotsPerSeries }) =>
      series.map((values, index) => [[name, ...values].join(' '), firstSlot + index * slotsPerSeries] as const),
    ),
  )
}
