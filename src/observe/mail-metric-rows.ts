import { mailEnds, mailStates, noticeRunResults } from './metric-labels.ts'
import type { MetricRow } from './metric-table.ts'

const single = () => [[]]
const each = (values: readonly string[]) => () => values.map((value) => [value])

/** The rows of the metric table on notices and their mails. */
export const mailMetricRows: readonly MetricRow[] = [
  {
    name: 'sekisho_mails_total',
    type: 'counter',
    help: 'Attempts to send a mail, by what became of them; failed ones are tried again, bounced and dead ones are not',
    labels: ['result'],
    series: each(mailEnds),
  },
  {
    name: 'sekisho_mails_kept',
    type: 'gauge',
    help: 'Mails in the outbox that wait, or were given up; the same on every gateway of a store',
    labels: ['state'],
    series: each(mailStates),
  },
  {
    name: 'sekisho_notice_runs_total',
    type: 'counter',
    help: 'Times this gateway looked whether the notices of the day are written: it wrote them, need not, or could not',
    labels: ['result'],
    series: each(noticeRunResults),
  },
  {
    name: 'sekisho_notices_added_total',
    type: 'counter',
    help: 'Notices of expiry that this gateway put into the outbox',
    labels: [],
    series: single,
  },
  {
    name: 'sekisho_notices_lost_total',
    type: 'counter',
    help: 'Notices of an issue, renewal or revocation that were lost because the store was away for too long',
    labels: [],
    series: single,
  },
]
