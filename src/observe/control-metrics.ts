import type { MetricSheet } from '../base/metric-sheet.ts'
import { type reloadResults, statusClasses, statusClassIndex } from './metric-labels.ts'

/** What only the control thread knows. Unknown names count in `sekisho_metrics_lost_total` and never throw. */
export type ControlMetrics = {
  revocationEntries(issuer: string, entries: number): void
  /** Unit: seconds since the store was last heard, on the monotonic clock. */
  revocationDataAge(seconds: number): void
  revocationsApplied(count: number): void
  certificateDaysLeft(kind: 'server' | 'issuer', name: string, days: number): void
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
  set(find('sekisho_config_last_reload_successful'), 1)

  return {
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
      sheet = next
      known = findSeries(next)
    },
  }
}

function findSeries({ layout }: MetricSheet): ReadonlyMap<string, number> {
  return new Map(
    layout.metrics.flatMap(({ name, series, firstSlot, slotsPerSeries }) =>
      series.map((values, index) => [[name, ...values].join(' '), firstSlot + index * slotsPerSeries] as const),
    ),
  )
}
