// Goal: after a reload every certificate is judged by the new rules: who is trusted no more is cut at once, with the reason, who still
// is goes on, and what a reload may never do is undo a revocation (invariant 6) or end a request for what only time decides.
// Method: one gateway with two workers that is reloaded for each rule; connections that are there, and new ones.
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { oids } from '../../src/x509/oids.ts'
import { type Answer, LiveClient, operatorOf, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { ReloadSetting } from './reload-setting.ts'

const secondCa = createTestCa({ commonName: 'second-ca' })
const setting = await ReloadSetting.start(t, { config: { workers: 2, revocation: { pollMs: 20 } } })
const { gateway, app } = setting
const port = gateway.ports.certificate
const user01 = setting.certificateOf('user01')
const kept = await LiveClient.connect({ port, certificate: user01 })
await kept.request()

const verdict = async (certificate: TestCertificate) => verdictOf((await visitWithNode({ port, certificate })).visited)
const cuts = (reason: string) => gateway.metric('sekisho_cuts_total', { reason })
const addSecond = (config: { issuers: unknown[]; doors: { certificate: { issuers: string[] }[] } }) => {
  config.issuers.push({ name: 'second', certificate: setting.write('second.pem', secondCa.certificatePem) })
  config.doors.certificate[0]?.issuers.push('second')
}

t.test('an issuer is added, taken from the door, and comes back', async (t) => {
  const user = secondCa.issueClient({ commonName: 'user02' })
  t.equal(await verdict(user), 'issuer_not_trusted')
  await setting.apply(addSecond)
  const client = await LiveClient.connect({ port, certificate: user })
  t.match(await client.request(), { status: 200 })
  const { connectionsCut, issuersRemoved } = await setting.apply((config) => {
    config.doors.certificate[0].issuers.pop()
  })
  await client.ended()
  t.match({ connectionsCut, issuersRemoved }, { connectionsCut: 1, issuersRemoved: [] }, 'other doors may have it')
  t.equal(await verdict(user), 'issuer_not_trusted')
  await setting.apply((config) => {
    config.doors.certificate[0].issuers.push('second')
  })
  t.equal(await verdict(user), '200', 'to distrust an issuer revokes nothing')
  t.match(await kept.request(), { status: 200 })
})

t.test('what was revoked stays revoked', async (t) => {
  const revoked = setting.certificateOf('user03')
  await operatorOf(gateway).call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial: revoked.serial }],
  })
  const issuer = (config: { issuers: unknown[] }) => config.issuers.splice(0, 1)
  let removed: unknown[] = []
  t.equal(await verdict(revoked), 'certificate_revoked')
  const doorIssuers = ['test-issuing-ca', 'second']
  await setting.apply((config) => {
    removed = issuer(config)
    config.doors.certificate[0].issuers = ['second']
  })
  await kept.ended()
  t.equal(await verdict(revoked), 'issuer_not_trusted')
  await setting.apply((config) => {
    config.issuers.unshift(...removed)
    config.doors.certificate[0].issuers = doorIssuers
  })
  t.equal(await verdict(revoked), 'certificate_revoked')
  t.equal(await verdict(user01), '200')
  t.equal(await gateway.metric('sekisho_revocation_entries', { issuer: 'test-issuing-ca' }), 1)
})

t.test('how strong a key must be', async (t) => {
  const weak = gateway.issuingCa.issueClient({ commonName: 'user04', keyKind: 'rsa2048' })
  const [client, other] = [
    await LiveClient.connect({ port, certificate: weak }),
    await LiveClient.connect({ port, certificate: user01 }),
  ]
  for (const each of [client, other]) t.match(await each.request(), { status: 200 })
  const { connectionsCut } = await setting.apply((config) => {
    config.certificates = { rsaBitsMin: 3_072 }
  })
  await client.ended()
  t.equal(connectionsCut, 1)
  t.equal(await cuts('key_too_weak'), 1)
  t.equal(await verdict(weak), 'key_too_weak')
  t.match(await other.request(), { status: 200 })
  await setting.apply((config) => {
    delete config.certificates
  })
  t.equal(await verdict(weak), '200')
  other.destroy()
})

t.test('where the login ID stands', async (t) => {
  const subject = (unit: string) => [
    { oid: oids.organizationalUnitName, value: unit },
    { oid: oids.commonName, value: 'user05' },
  ]
  const issue = (unit: string) => gateway.issuingCa.issueClient({ commonName: 'user05', subject: subject(unit) })
  const clients = await Promise.all(
    [issue('user05'), issue('user06')].map((certificate) => LiveClient.connect({ port, certificate })),
  )
  const [same, other] = clients as [LiveClient, LiveClient]
  const sealed = issue('user07')
  const told = (answer: unknown) =>
    (JSON.parse((answer as Answer).body).fields as [string, string][]).find(
      ([name]) => name === 'Sekisho-Login-Id',
    )?.[1]
  t.equal(told(await same.request()), 'user05')
  t.equal(told(await other.request()), 'user05')
  await setting.apply((config) => {
    config.doors.certificate[0].loginId = { from: 'subjectAttribute', oid: oids.organizationalUnitName }
  })
  await other.ended()
  t.equal(told(await same.request()), 'user05', 'who is called the same goes on')
  const { visited } = await visitWithNode({ port, certificate: sealed })
  t.equal(told(visited), 'user07')
  t.equal(await verdict(user01), 'login_id_missing')
  await setting.apply((config) => {
    delete config.doors.certificate[0].loginId
  })
  t.match(await same.request(), { status: 200 })
  same.destroy()
})

t.test('an issuer renews its certificate and keeps its key: nobody is cut', async (t) => {
  const client = await LiveClient.connect({ port, certificate: user01 })
  await client.request()
  const result = await setting.apply((config) => {
    config.issuers[1].name = 'second-renamed'
    config.doors.certificate[0].issuers[1] = 'second-renamed'
  })
  t.match(result, { connectionsCut: 0, issuersRemoved: [] })
  t.match(await client.request(), { status: 200 })
  client.destroy()
})

t.test('a certificate that has expired: a reload does not end what is under way', async (t) => {
  const notAfterMs = Date.now() + 3_000
  const brief = gateway.issuingCa.issueClient({ commonName: 'user08', notAfterMs })
  const [client, probe] = [
    await LiveClient.connect({ port, certificate: brief }),
    await LiveClient.connect({ port, certificate: brief }),
  ]
  app.handle('/held', () => {})
  client.write('GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const { socket } = await app.request('/held')
  await eventually(
    () => probe.request(),
    (answer) => verdictOf(answer) === 'certificate_expired',
  )
  const { connectionsCut } = await setting.apply((config) => {
    config.limits = { headFieldsMax: 100 }
  })
  t.equal(connectionsCut, 0)
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate')
  t.match(await client.answer(), { body: 'late' })
  t.match(await client.request(), { reason: 'certificate_expired' }, 'the next request is told')
})

t.test('how old revocation data may be', async (t) => {
  const store = join(gateway.folder, 'state', 'sekisho.db')
  const [client, streaming] = [
    await LiveClient.connect({ port, certificate: user01 }),
    await LiveClient.connect({ port, certificate: user01 }),
  ]
  app.handle('/stale', () => {})
  streaming.write('GET /stale HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const { socket } = await app.request('/stale')
  renameSync(store, `${store}.away`)
  t.teardown(() => {
    client.destroy()
    streaming.destroy()
  })
  await eventually(
    () => gateway.metric('sekisho_revocation_data_age_seconds'),
    (age) => Number(age) > 1.1,
  )
  t.match(await client.request(), { status: 200 }, 'five minutes are allowed')
  const { connectionsCut } = await setting.apply((config) => {
    config.revocation = { ...config.revocation, maxStalenessSeconds: 1 }
  })
  t.match({ connectionsCut, verdict: await verdict(user01) }, { connectionsCut: 0, verdict: 'trust_data_stale' })
  t.equal(gateway.gateway.readiness().ready, false)
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate')
  t.match(await streaming.answer(), { body: 'late' })
  await setting.apply((config) => {
    config.revocation = { ...config.revocation, insecureServeWhenStale: true }
  })
  t.equal(await verdict(user01), '200')
  t.match(await streaming.request(), { status: 200 })
  renameSync(`${store}.away`, store)
  await setting.apply((config) => {
    config.revocation = { pollMs: 20 }
  })
  t.equal(gateway.gateway.readiness().ready, true)
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})
