import { crlLookResults, ocspAnswerKinds, ocspCheckResults, statusClasses } from './metric-labels.ts'
import type { MetricNames, MetricRow } from './metric-table.ts'

const lists = ({ crlLists = [] }: MetricNames) => crlLists.map((list) => [list])
const publishers = ({ publishers: names = [] }: MetricNames) => names.map((issuer) => [issuer])

function product(first: readonly string[], second: readonly string[]): string[][] {
  return first.flatMap((a) => second.map((b) => [a, b]))
}

/** The rows of the metric table on revocations told by other CAs, and on those that this gateway tells others. */
export const outsideMetricRows: readonly MetricRow[] = [
  {
    name: 'sekisho_crl_looks_total',
    type: 'counter',
    help: 'Looks of this gateway at a CRL of another CA, by how they ended',
    labels: ['list', 'result'],
    series: ({ crlLists = [] }) => product(crlLists, crlLookResults),
  },
  {
    name: 'sekisho_crl_entries',
    type: 'gauge',
    help: 'Entries of the CRL that was taken last; NaN before the first one',
    labels: ['list'],
    currentOnly: true,
    startsUnknown: true,
    series: lists,
  },
  {
    name: 'sekisho_crl_number',
    type: 'gauge',
    help: 'Number of the CRL that was taken last; NaN before the first one, and for one without a number',
    labels: ['list'],
    currentOnly: true,
    startsUnknown: true,
    series: lists,
  },
  {
    name: 'sekisho_crl_next_update_seconds',
    type: 'gauge',
    help: 'Time until the nextUpdate of the CRL that was taken last; negative when it is past, NaN where none is known',
    labels: ['list'],
    currentOnly: true,
    startsUnknown: true,
    series: lists,
  },
  {
    name: 'sekisho_crl_look_age_seconds',
    type: 'gauge',
    help: 'Time since a look at the CRL last ended well, by any gateway; NaN where none did',
    labels: ['list'],
    currentOnly: true,
    startsUnknown: true,
    series: lists,
  },
  {
    name: 'sekisho_ocsp_checks_total',
    type: 'counter',
    help: 'Questions of this gateway to the OCSP responder of an issuer, by what came of them',
    labels: ['issuer', 'result'],
    series: ({ ocspIssuers = [] }) => product(ocspIssuers, ocspCheckResults),
  },
  {
    name: 'sekisho_published_crl_number',
    type: 'gauge',
    help: 'Number of the CRL that this gateway publishes; NaN before the first one',
    labels: ['issuer'],
    currentOnly: true,
    startsUnknown: true,
    series: publishers,
  },
  {
    name: 'sekisho_published_crl_entries',
    type: 'gauge',
    help: 'Entries of the CRL that this gateway publishes; NaN before the first one',
    labels: ['issuer'],
    currentOnly: true,
    startsUnknown: true,
    series: publishers,
  },
  {
    name: 'sekisho_published_crl_next_update_seconds',
    type: 'gauge',
    help: 'Time until the nextUpdate of the CRL that this gateway publishes; negative when it is past, NaN before the first one',
    labels: ['issuer'],
    currentOnly: true,
    startsUnknown: true,
    series: publishers,
  },
  {
    name: 'sekisho_published_crl_sign_seconds',
    type: 'gauge',
    help: 'How long it took to make and sign the CRL that this gateway publishes; NaN before the first one',
    labels: ['issuer'],
    currentOnly: true,
    startsUnknown: true,
    series: publishers,
  },
  {
    name: 'sekisho_published_crl_sign_failures_total',
    type: 'counter',
    help: 'CRLs that could not be signed; the one before is published on',
    labels: ['issuer'],
    series: publishers,
  },
  {
    name: 'sekisho_ocsp_answers_total',
    type: 'counter',
    help: 'Answers of the OCSP responder here: certificates by their status, and whole requests by how they failed',
    labels: ['status'],
    series: () => ocspAnswerKinds.map((kind) => [kind]),
  },
  {
    name: 'sekisho_published_list_answers_total',
    type: 'counter',
    help: 'Requests for published CRLs, by class of the status sent',
    labels: ['status_class'],
    series: () => statusClasses.map((statusClass) => [statusClass]),
  },
]
