import { durationBuckets, followerStates, reconcileDifferences, reconcileResults } from './metric-labels.ts'
import type { MetricRow } from './metric-table.ts'

const single = () => [[]]
const each = (values: readonly string[]) => () => values.map((value) => [value])

/** The rows of the metric table on revocations, the store they come from, and other gateways. */
export const trustMetricRows: readonly MetricRow[] = [
  {
    name: 'sekisho_revocation_entries',
    type: 'gauge',
    help: 'Revoked certificates in the index',
    labels: ['issuer'],
    currentOnly: true,
    series: (names) => names.issuers.map((issuer) => [issuer]),
  },
  {
    name: 'sekisho_revocation_rules',
    type: 'gauge',
    help: 'Rules in force that revoke by login ID or by issuer and time',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_revocation_index_bytes',
    type: 'gauge',
    help: 'Memory of the revocation index, which all workers share',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_revocation_data_age_seconds',
    type: 'gauge',
    help: 'Time since the store of revocations was last heard',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_revocations_applied_total',
    type: 'counter',
    help: 'Revocations applied to the index',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_revocation_apply_seconds',
    type: 'histogram',
    help: 'Time from when the store took a revocation until every worker has applied it, by the clock of the store',
    labels: [],
    buckets: durationBuckets,
    series: single,
  },
  {
    name: 'sekisho_revocations_unrecorded',
    type: 'gauge',
    help: 'Serial numbers in the sets of the store that its log knows nothing of; negative where some were taken out',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_connections_untracked',
    type: 'gauge',
    help: 'Permitted connections that a revocation of their certificate would not find; more than 0 is a defect',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_follower_state',
    type: 'gauge',
    help: '1 for the state in which the follower of the store is, 0 for the others',
    labels: ['state'],
    series: each(followerStates),
  },
  {
    name: 'sekisho_store_behind_total',
    type: 'counter',
    help: 'Times the store was found to know less than this gateway, and was told again',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_reconciles_total',
    type: 'counter',
    help: 'Comparisons of everything known here with the store, by result',
    labels: ['result'],
    series: each(reconcileResults),
  },
  {
    name: 'sekisho_reconcile_differences_total',
    type: 'counter',
    help: 'Revocations and rules that such comparisons found on one side only, or could not read',
    labels: ['kind'],
    series: each(reconcileDifferences),
  },
  {
    name: 'sekisho_snapshot_age_seconds',
    type: 'gauge',
    help: 'Time since the trust data was last written to disk as a whole; NaN where it never was',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_snapshot_failures_total',
    type: 'counter',
    help: 'Snapshots and journal entries of the trust data that could not be written',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_gateways_live',
    type: 'gauge',
    help: 'Gateways that report to the store, this one included',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_gateways_behind',
    type: 'gauge',
    help: 'Gateways that have fallen silent without taking their leave, or say that they are not up to date',
    labels: [],
    series: single,
  },
]
