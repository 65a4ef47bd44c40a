// Goal: whoever is paged can rely on it: each alert fires when it must and not otherwise, looks at metrics that exist, and has a heading in
// the runbook whose commands, metrics, links and log messages exist; and what says how to install all this is right. Method: promtool on the
// files as they are, and their text compared with the metric table, the command line and the source.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { createMetricLayout, metricTable } from '../../src/observe/metric-table.ts'
import { createMetrics } from '../../src/observe/metrics-page.ts'
import { runHere } from '../cli/with-cli.ts'
import { readFiles, readSource, root } from '../tidy/source-files.ts'
import { parsePrometheus } from './parse-prometheus.ts'

const folder = join(root, 'config/prometheus')
const run = promisify(execFile)

type Alert = {
  readonly alert: string
  readonly for?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}
type Recording = { readonly record: string; readonly expr: string }
type Expectation = {
  readonly expr: string
  readonly eval_time: string
  readonly exp_samples: readonly { readonly labels: string }[]
}

const textOf = (name: string) => readSource(`config/prometheus/${name}`).text
const rulesOf = <Rule>(name: string): Rule[] =>
  parse(textOf(name)).groups.flatMap(({ rules }: { rules: Rule[] }) => rules)
/** What the tests of a file expect, test by test. */
const testsOf = (name: string): Expectation[][] =>
  parse(textOf(name)).tests.map(({ promql_expr_test: tests }: { promql_expr_test: Expectation[] }) => tests)
const expectationsOf = (name: string): Expectation[] => testsOf(name).flat()

const alerts = rulesOf<Alert>('sekisho-alerts.yml')
const recordings = rulesOf<Recording>('sekisho-rules.yml')
const runbook = textOf('runbook.md')
const testFiles = [
  'sekisho-rules-test.yml',
  'sekisho-alerts-test.yml',
  'sekisho-logins-test.yml',
  'sekisho-weekly-test.yml',
]

/** Runs promtool where the files are; what it says when it is not content. */
async function promtool(...args: readonly string[]): Promise<string> {
  return run('promtool', args, { cwd: folder }).then(
    () => '',
    ({ stdout, stderr, message }) => `${message}\n${stdout}${stderr}`,
  )
}

t.test('promtool takes the rules, the alerts and the example configuration', async (t) => {
  t.equal(await promtool('check', 'rules', 'sekisho-rules.yml', 'sekisho-alerts.yml'), '')
  t.equal(await promtool('check', 'config', 'prometheus.yml'), '')
  t.not(await promtool('check', 'rules', 'runbook.md'), '', 'it would complain')
})

t.test('the tests of rules and alerts pass', async (t) => {
  const complaints = await Promise.all(testFiles.map((file) => promtool('test', 'rules', file)))
  t.strictSame(complaints, ['', '', '', ''])
  const known = readFiles('config/prometheus', ['-test.yml']).map(({ path }) => path)
  t.strictSame(known.toSorted(), testFiles.map((name) => `config/prometheus/${name}`).toSorted(), 'of all files')
})

t.test('each alert says how urgent it is, what it is, and where to read on', async (t) => {
  t.ok(alerts.length > 40)
  t.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length, 'no name twice')
  const headings = [...runbook.matchAll(/^### (.+)$/gm)].map(([, heading = '']) => heading)
  t.strictSame(
    headings.toSorted(),
    alerts.map(({ alert }) => alert).toSorted(),
    'one heading an alert, and no heading without one',
  )
  for (const { alert, labels, annotations } of alerts) {
    t.match(alert, /^Sekisho[A-Z][A-Za-z]+$/)
    t.match(labels?.severity, /^(page|ticket)$/, alert)
    t.match(annotations?.summary, /^\S.{10,100}$/, alert)
    t.match(annotations?.description, /^\S.{20,300}\.$/, alert)
    t.equal(annotations?.runbook_url, `config/prometheus/runbook.md#${alert.toLowerCase()}`)
  }
})

t.test('each alert has a test in which it fires with its severity, and one in which it does not', async (t) => {
  const expectations = testFiles.flatMap(expectationsOf)
  for (const { alert, labels } of alerts) {
    const own = expectations.filter(({ expr }) => expr === `ALERTS{alertname="${alert}",alertstate="firing"}`)
    const fires = own.filter(({ exp_samples: samples }) =>
      samples.some(({ labels: text }) => text.includes(`severity="${labels?.severity}"`)),
    )
    t.ok(fires.length > 0, `${alert} fires`)
    t.ok(
      own.some(({ exp_samples: samples }) => samples.length === 0),
      `${alert} is quiet`,
    )
  }
})

t.test('each alert that waits has a test in which it is quiet first, and fires then', async (t) => {
  const minutes = ({ eval_time: time }: Expectation) => Number.parseInt(time, 10) * (time.endsWith('h') ? 60 : 1)
  const tests = testFiles.flatMap(testsOf)
  for (const { alert, for: wait } of alerts) {
    if (wait === undefined) continue
    const own = tests.map((all) =>
      all.filter(({ expr }) => expr === `ALERTS{alertname="${alert}",alertstate="firing"}`),
    )
    const waits = own.some((all) =>
      all.some(
        (quiet) =>
          quiet.exp_samples.length === 0 &&
          all.some((fires) => fires.exp_samples.length > 0 && minutes(quiet) < minutes(fires)),
      ),
    )
    t.ok(waits || alert === 'SekishoFewerLogins', `${alert} is quiet before ${wait} are over`)
  }
})

t.test('a number of events that is compared with increase() is a whole one, and reached, not passed', async (t) => {
  // What increase() says of 2 is 2.01: `> 1` would fire at the first one.
  for (const { alert, expr } of alerts) {
    const bounds = [...expr.matchAll(/increase\([^[]*\[\w+\]\)\)?\s*(>=?)\s*(\d+)/g)]
    for (const [, operator, bound] of bounds)
      t.ok(bound === '0' || bound === '50' || operator === '>=', `${alert}: ${operator} ${bound}`)
  }
})

t.test('each recording rule has a test that expects a value of it', async (t) => {
  const expected = expectationsOf('sekisho-rules-test.yml').filter(({ exp_samples: samples }) => samples.length > 0)
  for (const { record } of recordings) {
    t.ok(
      expected.some(({ expr }) => expr === record),
      record,
    )
  }
})

/** Names of samples, as a scraper sees them: a histogram has three. */
const sampleNames = new Set(
  metricTable.flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
)

async function processMetricNames(): Promise<Set<string>> {
  const none = { doors: [], routes: [], upstreams: [], issuers: [], serverCertificates: [], adminRoutes: [] }
  const layout = createMetricLayout({ ...none, build: { version: '0', node: '0', openssl: '0' } })
  const families = parsePrometheus((await createMetrics({ layout }).render()).body)
  return new Set([...families.keys()].filter((name) => name.startsWith('process_')))
}

t.test('every metric and label of a rule exists', async (t) => {
  const known = new Set([...sampleNames, ...(await processMetricNames()), ...recordings.map(({ record }) => record)])
  const labelsOf = new Map(
    metricTable.map(({ name, labels, perThread }) => [
      name,
      new Set([...labels, ...(perThread ? ['thread'] : []), 'job', 'instance', 'le']),
    ]),
  )
  for (const { expr, ...rule } of [...alerts, ...recordings]) {
    const name = 'alert' in rule ? rule.alert : rule.record
    const used = [...expr.matchAll(/\b(?:sekisho[_:]|process_)[a-z0-9_:]+/g)].map(([found]) => found)
    t.strictSame(
      used.filter((metric) => !known.has(metric)),
      [],
      name,
    )
    for (const [, metric = '', selectors = ''] of expr.matchAll(/\b(sekisho_[a-z0-9_]+)\{([^}]*)\}/g)) {
      const labels = labelsOf.get(metric.replace(/_(bucket|sum|count)$/, '')) ?? new Set()
      for (const [, label = ''] of selectors.matchAll(/(\w+)\s*(?:=|!)/g)) t.ok(labels.has(label), `${name}: ${label}`)
    }
  }
})

t.test('every label value of a rule is one that the metric has', async (t) => {
  const names = {
    ...{ doors: ['a'], routes: ['a'], upstreams: ['a'], targets: [{ upstream: 'a', name: 'a' }], issuers: ['a'] },
    ...{
      crlLists: ['a'],
      ocspIssuers: ['a'],
      publishers: ['a'],
      serverCertificates: ['a'],
      clientCertificates: ['a'],
      adminRoutes: ['a'],
    },
    build: { version: '0', node: '0', openssl: '0' },
  }
  for (const { expr } of [...alerts, ...recordings]) {
    for (const [, metric = '', selectors = ''] of expr.matchAll(/\b(sekisho_[a-z0-9_]+)\{([^}]*)\}/g)) {
      const row = metricTable.find(({ name }) => name === metric)
      for (const [, label = '', values = ''] of selectors.matchAll(/(\w+)!?=~?"([^"]*)"/g)) {
        const place = row?.labels.indexOf(label) ?? -1
        const has = new Set(row?.series(names).map((series) => series[place]))
        for (const value of values.split('|')) t.ok(has.has(value), `${metric}: ${label}="${value}"`)
      }
    }
  }
})

t.test('the example names the rule files, and the job that rules look for', async (t) => {
  const example = parse(textOf('prometheus.yml'))
  t.strictSame(example.rule_files, ['sekisho-rules.yml', 'sekisho-alerts.yml'])
  t.match(example.scrape_configs[0].job_name, /^sekisho/)
  t.equal(example.global.scrape_interval, '15s', 'as sekisho:gateways_behind:min40s takes it')
})

t.test('the commands of the README install rules that Prometheus takes', async (t) => {
  const { text } = readSource('config/prometheus/README.md')
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  t.equal(blocks.length, 2)
  const folder = t.testdir()
  const env = { ...process.env, SEKISHO: root, ETC: folder }
  await run('bash', ['-euc', blocks.join('\n')], { env })
  const installed = readFileSync(join(folder, 'sekisho-alerts.yml'), 'utf8')
  t.equal(installed.match(/runbook_url: https:\/\/\S+runbook\.md#sekisho/g)?.length, alerts.length)
  // Once more, over a configuration that is there.
  await run('bash', ['-euc', `printf 'scrape_configs: []\n' > "$ETC"/prometheus.yml\n${blocks.join('\n')}`], { env })
  t.equal(readFileSync(join(folder, 'prometheus.yml'), 'utf8'), 'scrape_configs: []\n', 'which stays')
  await t.rejects(
    run('bash', ['-euc', `printf 'rule_files: [1' > "$ETC"/prometheus.yml\n${blocks.join('\n')}`], { env }),
    'a wrong one is told',
  )
  const told = [...text.matchAll(/\b(Sekisho[A-Z]\w+)/g)].map(([name]) => name)
  for (const name of told)
    t.ok(
      alerts.some(({ alert }) => alert === name),
      name,
    )
})

t.test('the example of Alertmanager knows both severities, and every alert it names', async (t) => {
  const { route, receivers, inhibit_rules: inhibits } = parse(textOf('alertmanager.yml'))
  const names = receivers.map(({ name }: { name: string }) => name)
  t.strictSame(route.routes[0].matchers, ['severity = page'])
  for (const { receiver } of [route, ...route.routes]) t.ok(names.includes(receiver), receiver)
  const matchers: string[] = inhibits.flatMap((rule: Record<string, string[]>) => [
    ...(rule.source_matchers ?? []),
    ...(rule.target_matchers ?? []),
  ])
  const told = matchers.flatMap((matcher) => matcher.match(/\bSekisho[A-Z]\w+/g) ?? [])
  t.ok(told.length > 8)
  for (const name of told)
    t.ok(
      alerts.some(({ alert }) => alert === name),
      name,
    )
})

t.test(
  'Grafana finds the boards where the README has them copied, and the data as often as it is scraped',
  async (t) => {
    const readYaml = (path: string) => parse(readSource(`config/grafana/provisioning/${path}`).text)
    const { apiVersion, providers } = readYaml('dashboards/sekisho.yaml')
    t.equal(apiVersion, 1)
    t.match(providers, [{ type: 'file', options: { path: '/var/lib/grafana/dashboards/sekisho' } }])
    t.ok(textOf('README.md').includes('`/var/lib/grafana/dashboards/sekisho/`'))
    t.match(readYaml('datasources/sekisho.yaml'), {
      apiVersion: 1,
      datasources: [
        { type: 'prometheus', jsonData: { timeInterval: parse(textOf('prometheus.yml')).global.scrape_interval } },
      ],
    })
    t.ok(existsSync(join(root, 'config/grafana/overview.json')))
  },
)

/** What stands in the runbook as code, blocks line by line. */
const codes = [
  ...[...runbook.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.split('\n')),
  ...[...runbook.replaceAll(/```sh\n[\s\S]*?```/g, '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code),
].map((code) => code.replaceAll(/\s+/g, ' ').trim())

t.test('every command of the runbook exists, with its options', async (t) => {
  const commands = codes.filter((code) => /^(?:npx )?sekisho [a-z]/.test(code))
  t.ok(commands.length > 20)
  for (const command of commands) {
    const words = command
      .replace(/ #.*$/, '')
      .replace(/^(?:npx )?sekisho /, '')
      .split(' ')
    const path = words.slice(0, words.findIndex((word) => !/^[a-z]+$/.test(word)) + 1 || undefined)
    const names = path.filter((word) => /^[a-z]+$/.test(word))
    const { out } = await runHere([...names, '--help'])
    t.ok(out.startsWith(`Usage: sekisho ${names.join(' ')} `), command)
    for (const option of words.filter((word) => word.startsWith('--')))
      t.ok(out.includes(option), `${command}: ${option}`)
  }
})

t.test('every metric, log message, audit event and link of the runbook exists', async (t) => {
  const recorded = new Set(recordings.map(({ record }) => record))
  for (const code of codes) {
    for (const [name] of code.matchAll(/\bsekisho[_:][a-z0-9_:]+/g)) {
      t.ok(sampleNames.has(name) || recorded.has(name) || metricTable.some((row) => row.name === name), name)
    }
  }
  const sources = readFiles('src', ['.ts'])
    .map(({ text }) => text)
    .join('\n')
  const messages = [...runbook.matchAll(/Log:((?:,?\s+`[^`]+`)+)/g)].flatMap(([, list = '']) =>
    [...list.matchAll(/`([^`]+)`/g)].map(([, message = '']) => message.replaceAll(/\s+/g, ' ')),
  )
  t.ok(messages.length > 30)
  for (const message of messages) t.ok(sources.includes(`'${message}`), message)
  const headings = new Set([...runbook.matchAll(/^##+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase()))
  for (const [, anchor = ''] of runbook.matchAll(/\]\(#([^)]+)\)/g)) t.ok(headings.has(anchor), anchor)
})

t.test('each heading of the runbook answers the same five questions', async (t) => {
  for (const section of runbook.split(/^### /m).slice(1)) {
    const [name = ''] = section.split('\n')
    for (const question of ['Users', 'See', 'Do', 'Done when', 'Tell'])
      t.match(section, new RegExp(`^\\*\\*${question}\\*\\*: \\S`, 'm'), `${name}: ${question}`)
  }
})
