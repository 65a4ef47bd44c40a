import type { MetricSheet } from '../base/metric-sheet.ts'
import { statusClasses, statusClassIndex } from './metric-table.ts'

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
}

/** Writes the control thread's own sheet. */
export function createControlMetrics(sheet: MetricSheet): ControlMetrics {
  const slot = sheet.slotFinder()
  const known = new Map<string, number>()
  const lost = slot('sekisho_metrics_lost_total')
  for (const metric of sheet.layout.metrics) {
    for (const values of metric.series) known.set([metric.name, ...values].join(' '), slot(metric.name, ...values))
  }
  const find = (...series: string[]) => known.get(series.join(' '))
  const set = (target: number | undefined, value: number) =>
    target === undefined ? sheet.add(lost, 1) : sheet.set(target, value)
  const add = (target: number | undefined, amount: number) =>
    sheet.add(target ?? lost, target === undefined ? 1 : amount)

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
  }
}
