// Goal: what the guide tells developers of the application is what they get: commands, fields, defaults. Method: the blocks of the guide in one
// shell against a running demo; its tables against what arrived there and against the reference of the configuration.
import t from 'tap'
import { freePort } from '../helpers/redis-server.ts'
import { startDemoGateway } from '../integration/browser/demo-gateway.ts'
import { readSource } from '../tidy/source-files.ts'
import { blocksOf, runGuide } from './guide-commands.ts'

const path = 'config/guides/application.md'
const guide = readSource(path).text

const expected: Readonly<Record<string, readonly RegExp[]>> = {
  'For developers of the banking application': [],
  'What arrives': [/"Sekisho-Login-Id",\s+"user01"/],
  'Verifying the assertion': [/\{"keys":\[\{"kty":"EC".*"crv":"P-256".*"alg":"ES256"/],
  'An application of your own, on your machine': [
    /Hello user01, by certificate\nHello guest, by password\n[\s\S]*This application answers its gateway only/,
  ],
  'Sealed cookies': [/BANKSESSION=\(hidden\)[\s\S]*nothing arrives for another user/],
  'Logins with ID and password': [/^303\n403\n$/m],
  'Errors that the gateway answers': [
    /"type":"urn:sekisho:denial:certificate_missing","title":"[^"]+","status":403,.*"reason":"certificate_missing","requestId":"[a-z0-9-]+"/,
  ],
  'The renewal notice': [/"loginId":"user04".*"daysLeft":\d+,"renewalDue":true.*"renewUrl":"https:/],
  'Traces and logs': [/"traceparent",\s+"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"/],
}

/** Text below a heading of the second level. */
function sectionOf(heading: string): string {
  const [, section = ''] = guide.split(`## ${heading}\n`)
  return section.split('\n## ')[0] ?? ''
}

/** First column of the table below a heading, without backquotes; a row may have several names. */
function namesBelow(heading: string): string[] {
  const rows = [...sectionOf(heading).matchAll(/^\| (`.*?) +\|/gm)]
  return rows.flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
}

/** Fields as the sample bank shows them. */
function fieldsIn(echoed: string): [name: string, value: string][] {
  const pairs = echoed.matchAll(/\[\s+"([^"]+)",\s+"((?:[^"\\]|\\.)*)"\s+\]/g)
  return [...pairs].map(([, name = '', value = '']) => [name, value])
}

t.test('the guide works as it is written', { timeout: 110_000 }, async (t) => {
  const demo = await startDemoGateway()
  t.teardown(() => demo.stop())
  const ports = {
    DEV_PORT: await freePort(),
    DEV_PUBLIC_PORT: await freePort(),
    DEV_OPS_PORT: await freePort(),
    APP_PORT: await freePort(),
  }
  const env = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]))
  const { code, outputOf, whole } = await runGuide(path, demo, env)
  t.equal(code, 0, whole)
  for (const [heading, patterns] of Object.entries(expected)) {
    for (const pattern of patterns) t.match(outputOf(heading), pattern, heading)
  }

  const [first = '', forged = ''] = outputOf('What arrives')
    .split(/^(?=\{\n {2}"method")/m)
    .filter((part) => part.startsWith('{'))
  const ofTheClient = ['Host', 'user-agent', 'accept']
  const arrived = fieldsIn(first).map(([name]) => name)
  t.same(
    arrived.filter((name) => !ofTheClient.includes(name)).toSorted(),
    namesBelow('What arrives').toSorted(),
    'the table names what arrives, and no more',
  )
  t.same(
    fieldsIn(forged).filter(([name]) => /login|role|client/i.test(name) && !name.startsWith('Client-Cert')),
    [
      ['Sekisho-Login-Method', 'certificate'],
      ['Sekisho-Login-Id', 'user01'],
      ['Sekisho-User-Role', 'general'],
    ],
    'forged copies are gone',
  )
})

t.test('what each command prints is looked at here', async (t) => {
  for (const { heading } of blocksOf(guide)) t.ok(heading in expected, heading)
})

t.test('defaults are those of the configuration', async (t) => {
  const reference = readSource('config/README.md').text
  const rows = [...guide.matchAll(/^\| `(limits\.\w+)` +\| (`\d+`) +\|/gm)]
  t.ok(rows.length > 5)
  for (const [, field = '', value = ''] of rows) {
    const row = reference.split('\n').find((line) => line.startsWith(`| \`${field}\` `))
    t.ok(row?.includes(`| ${value} `), field)
  }
})

t.test('reasons are those of the gateway', async (t) => {
  const reference = readSource('src/observe/README.md').text
  const rows = [...sectionOf('Errors that the gateway answers').matchAll(/^\| (\d{3}) +\| (.*?) +\|/gm)]
  t.ok(rows.length > 5)
  for (const [, status, cell = ''] of rows) {
    for (const [, reason = ''] of cell.matchAll(/`(\w+)`/g)) {
      const row = reference.split('\n').find((line) => line.startsWith(`| \`${reason}\` `))
      t.ok(row, reason)
      if (row !== undefined && /\| +\d{3} +\|/.test(row)) t.match(row, new RegExp(`\\| +${status} +\\|`), reason)
    }
  }
})
