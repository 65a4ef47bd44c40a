import { expiryWeeks } from './metric-labels.ts'
import type { MetricRow } from './metric-table.ts'

/** The rows of the metric table on what is looked at in the background, now and then. */
export const backgroundMetricRows: readonly MetricRow[] = [
  {
    name: 'sekisho_certificates_expiring',
    type: 'gauge',
    help: 'Recorded certificates, neither revoked nor superseded, by weeks until they expire; the same on every gateway of a store',
    labels: ['week'],
    startsUnknown: true,
    series: () => expiryWeeks.map((week) => [week]),
  },
  {
    name: 'sekisho_audit_chain_intact',
    type: 'gauge',
    help: '1 if every record of the audit log stood in its chain when it was last read, 0 if not; NaN until it was read',
    labels: [],
    startsUnknown: true,
    series: () => [[]],
  },
]
