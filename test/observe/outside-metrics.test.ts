// Goal: the metrics of CRLs and OCSP, in and out, are there from the start, as 0 or as NaN where 0 would say something, each call moves its
// own series, and a reload keeps counts. Method: a real page over names from a configuration, and a strict parser of it.
import t from 'tap'
import { type CrlListStatus, crlLookResults, ocspCheckResults } from '../../src/ca-sources/ports.ts'
import type { GatewayConfig } from '../../src/config/gateway-config.ts'
import * as labels from '../../src/observe/metric-labels.ts'
import { nameMetrics } from '../../src/observe/metric-names.ts'
import { createMetricLayout } from '../../src/observe/metric-table.ts'
import { createMetrics } from '../../src/observe/metrics-page.ts'
import { outsideMetricRows } from '../../src/observe/outside-metric-rows.ts'
import { ocspAnswerKinds } from '../../src/publication/ports.ts'
import { parsePrometheus, sampleValue } from './parse-prometheus.ts'

const place = [{ kind: 'url', url: 'http://127.0.0.1/x.crl' }]
const listOf = (name: string, delta: readonly object[] = []) => ({ name, from: place, delta })

/** As far as names of metrics look at it. */
function configOf(issuers: readonly object[]): GatewayConfig {
  const doors = { certificate: [], public: undefined, admin: undefined }
  const others = { store: { kind: 'embedded' }, passwords: { verifier: { kind: 'directory' } } }
  const issuing = { issuer: 'own-ca', signer: { kind: 'file' } }
  return { doors, routes: [], upstreams: [], issuers, publication: {}, issuing, ...others } as never
}

const beside = { adminRoutes: [], build: { version: '1', node: 'v26', openssl: '3' } }
const issuers = [
  { name: 'bank-ca', crls: [listOf('crl', place), listOf('second')], ocsp: { url: 'http://127.0.0.1/' } },
  { name: 'own-ca' },
]
const names = nameMetrics(configOf(issuers), beside)

function createPage() {
  return createMetrics({ layout: createMetricLayout(names), processMetrics: false })
}

const status: CrlListStatus = {
  ...{ issuer: 'bank-ca', list: 'crl', place: 'http://127.0.0.1/x.crl', number: '12' },
  ...{ thisUpdateMs: 0, nextUpdateMs: 90_000, entries: 1_000_000, lookedAtMs: 25_000 },
  result: 'applied',
  fault: undefined,
}

/** Series of the page that are neither 0 nor NaN. */
async function movedOf(page: ReturnType<typeof createPage>): Promise<string[]> {
  const families = [...parsePrometheus((await page.render()).body).values()]
  const wanted = new Set(outsideMetricRows.map(({ name }) => name))
  return families
    .flatMap(({ samples }) => samples)
    .filter(({ name, value }) => wanted.has(name) && value !== 0 && !Number.isNaN(value))
    .map((sample) => `${sample.name}{${Object.values(sample.labels)}} ${sample.value}`)
}

t.test('the labels are those that the counting sides use, all of them', async (t) => {
  t.same(labels.crlLookResults, crlLookResults)
  t.same(labels.ocspCheckResults, ocspCheckResults)
  t.same(labels.ocspAnswerKinds, ocspAnswerKinds)
})

t.test('names come from the configuration', async (t) => {
  t.match(names, {
    crlLists: ['bank-ca/crl', 'bank-ca/crl+delta', 'bank-ca/second'],
    ocspIssuers: ['bank-ca'],
    publishers: ['own-ca'],
  })
  const none = { ...configOf([{ name: 'own-ca' }]), publication: undefined }
  t.match(nameMetrics(none, beside), { crlLists: [], ocspIssuers: [], publishers: [] })
})

t.test('every series is there from the start: counters at 0, gauges as NaN', async (t) => {
  const families = parsePrometheus((await createPage().render()).body)
  for (const { name, type, series } of outsideMetricRows) {
    const samples = families.get(name)?.samples ?? []
    t.equal(samples.length, series(names).length, name)
    t.ok(samples.length > 0, name)
    for (const { value } of samples) t.same(value, type === 'counter' ? 0 : Number.NaN, name)
  }
})

t.test('each call moves exactly its series', async (t) => {
  const page = createPage()
  const { control } = page
  control.crlLooked('bank-ca/crl+delta', 'rolled_back')
  control.ocspChecked('bank-ca', 'revoked')
  control.crlListsKnown([status], 30_000)
  control.crlSigned('own-ca', { number: 7, entries: 3, nextUpdateMs: 45_000, durationMs: 1_500 })
  control.crlSignFailed('own-ca')
  control.publicationAnswers({ ocsp: { good: 5, try_later: 2 }, lists: { 200: 3, 206: 1, 304: 4, 503: 1 } })
  control.publishedCrlsKnown(30_000)
  t.strictSame((await movedOf(page)).sort(), [
    'sekisho_crl_entries{bank-ca/crl} 1000000',
    'sekisho_crl_look_age_seconds{bank-ca/crl} 5',
    'sekisho_crl_looks_total{bank-ca/crl+delta,rolled_back} 1',
    'sekisho_crl_next_update_seconds{bank-ca/crl} 60',
    'sekisho_crl_number{bank-ca/crl} 12',
    'sekisho_ocsp_answers_total{good} 5',
    'sekisho_ocsp_answers_total{try_later} 2',
    'sekisho_ocsp_checks_total{bank-ca,revoked} 1',
    'sekisho_published_crl_entries{own-ca} 3',
    'sekisho_published_crl_next_update_seconds{own-ca} 15',
    'sekisho_published_crl_number{own-ca} 7',
    'sekisho_published_crl_sign_failures_total{own-ca} 1',
    'sekisho_published_crl_sign_seconds{own-ca} 1.5',
    'sekisho_published_list_answers_total{2xx} 4',
    'sekisho_published_list_answers_total{3xx} 4',
    'sekisho_published_list_answers_total{5xx} 1',
  ])
  const { body } = await page.render()
  t.equal(sampleValue(body, 'sekisho_metrics_lost_total'), 0)
  t.same(sampleValue(body, 'sekisho_crl_number', { list: 'bank-ca/second' }), Number.NaN)
})

t.test('times run on: past nextUpdate is negative, and what is not known is NaN', async (t) => {
  const page = createPage()
  const label = { list: 'bank-ca/crl' }
  const value = async (name: string) => sampleValue((await page.render()).body, name, label)
  page.control.crlListsKnown([status], 100_000)
  t.equal(await value('sekisho_crl_next_update_seconds'), -10)
  t.equal(await value('sekisho_crl_look_age_seconds'), 75)
  const nothing = { nextUpdateMs: undefined, lookedAtMs: undefined, number: undefined, entries: undefined }
  page.control.crlListsKnown([{ ...status, ...nothing }], 100_000)
  for (const row of outsideMetricRows.filter(({ name }) => /^sekisho_crl_(?!looks)/.test(name))) {
    t.same(await value(row.name), Number.NaN, row.name)
  }
  page.control.crlListsKnown([{ ...status, lookedAtMs: 200_000 }], 100_000)
  t.equal(await value('sekisho_crl_look_age_seconds'), 0, 'another gateway whose clock is ahead')
})

t.test(
  'a reload keeps counts and what is known, drops gauges of lists that went, and new lists start as NaN',
  async (t) => {
    const page = createPage()
    page.control.crlLooked('bank-ca/crl', 'applied')
    page.control.crlListsKnown([status], 30_000)
    const next = [{ name: 'bank-ca', crls: [listOf('crl'), listOf('third')] }, { name: 'own-ca' }]
    page.relayout(nameMetrics(configOf(next), beside)).commit()
    page.control.crlLooked('bank-ca/crl', 'applied')
    // Whoever knows the state of lists may learn of the reload a little later.
    page.control.crlListsKnown([{ ...status, list: 'second' }], 30_000)
    page.control.crlLooked('bank-ca/second', 'unchanged')
    const { body } = await page.render()
    const results = (list: string, result: string) => sampleValue(body, 'sekisho_crl_looks_total', { list, result })
    t.equal(results('bank-ca/crl', 'applied'), 2)
    t.equal(results('bank-ca/second', 'unchanged'), 1)
    t.equal(results('bank-ca/third', 'applied'), 0)
    t.equal(sampleValue(body, 'sekisho_metrics_lost_total'), 0)
    const shown = parsePrometheus(body).get('sekisho_crl_number')?.samples ?? []
    t.same(
      shown.map(({ labels, value }) => [labels.list, value]),
      [
        ['bank-ca/crl', 12],
        ['bank-ca/third', Number.NaN],
      ],
    )
  },
)

t.test('a list that no configuration named is counted as lost, and nothing is thrown', async (t) => {
  const page = createPage()
  page.control.crlLooked('nobody/crl', 'applied')
  page.control.ocspChecked('nobody', 'good')
  page.control.crlSignFailed('nobody')
  t.equal(sampleValue((await page.render()).body, 'sekisho_metrics_lost_total'), 3)
})
