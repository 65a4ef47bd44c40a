// Goal: when the next gateway process cannot take over, the old one goes on: its requests, its admin door, its audit log.
// Method: supervisor and gateway processes as an operator runs them; the configuration is broken, later the state is.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { verifyAuditFile } from '../../src/observe/verify-audit.ts'
import { operatorOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { superviseGateway } from '../helpers/supervised-gateway.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'

const app = await TestUpstream.start()
app.answer('/ok', plainAnswer('ok'))
const gateway = await superviseGateway({ upstreamPort: app.port })
t.teardown(async () => {
  await gateway.remove()
  await app.stop()
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const client = await RawClient.connect(gateway, { certificate: user01 })
const audit = join(gateway.folder, 'state', 'audit.log')
const [old] = gateway.gatewayPids()

async function failedRestarts(count: number): Promise<void> {
  await eventually(gateway.output, (text) => text.split('rolling restart failed').length === count + 1, 20_000)
  await eventually(
    () => gateway.gatewayPids().join(),
    (pids) => pids === String(old),
  )
}

async function serves(): Promise<void> {
  t.equal((await client.get('/ok').answer()).status, 200, 'the same connection')
  t.equal((await (await RawClient.connect(gateway, { certificate: user01 })).get('/ok').answer()).status, 200)
  t.equal(await gateway.isReady(), true)
}

t.test('a configuration that cannot be used', async () => {
  const text = readFileSync(gateway.file, 'utf8')
  writeFileSync(gateway.file, text.replace('"stateFolder"', '"stateFolders"'))
  gateway.signal('SIGUSR2')
  await failedRestarts(1)
  t.match(gateway.output(), /stateFolders/, 'the reason is told')
  await serves()
  writeFileSync(`${gateway.file}.new`, text)
  renameSync(`${gateway.file}.new`, gateway.file)
  // The old process reads the file too, and may have refused it: its record must be written before the head of the log is tampered with.
  await eventually(
    () => gateway.metric('sekisho_config_reloads_total', { result: 'unchanged' }),
    (count) => count === 1,
  )
})

t.test('an audit log that the next process cannot go on with', async () => {
  // What the old one writes goes on; whoever opens it anew finds a record missing that was on disk.
  const head = readFileSync(`${audit}.head`, 'utf8')
  const { seq, hash } = JSON.parse(head)
  writeFileSync(`${audit}.head.kept`, head)
  const ahead = JSON.stringify({ seq: seq + 7, hash })
  writeFileSync(`${audit}.head.broken`, ahead)
  renameSync(`${audit}.head.broken`, `${audit}.head`)
  gateway.signal('SIGUSR2')
  await eventually(gateway.output, (text) => text.includes('Cannot continue the audit log'), 20_000)
  renameSync(`${audit}.head.kept`, `${audit}.head`)
  await failedRestarts(2)
  await serves()
  await eventually(
    () =>
      operatorOf(gateway)
        .call('POST', '/v1/revocations', { loginIds: ['user01'] })
        .catch(() => undefined),
    (answer) => answer?.status === 200,
  )
  await client.untilEnd()
  t.pass('the admin door is open again, and revokes')
})

t.test('the audit log tells all of it, unbroken', async () => {
  gateway.signal('SIGTERM')
  t.equal(await gateway.ended, 0)
  const events = gateway.auditLines().map((line) => JSON.parse(line).event)
  // The old process sees the broken file too, if it stands there long enough.
  const others = ['login_refused', 'config_reload_refused']
  t.strictSame(
    events.filter((event) => !others.includes(event)),
    ['gateway_started', 'certificate_revoked', 'rule_published', 'gateway_stopped'],
  )
  t.match(await verifyAuditFile(audit), { ok: true, head: 'agrees' })
})
