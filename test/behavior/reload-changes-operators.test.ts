// Goal: the admin door goes on through a reload that changes its own certificate and whom it takes for an operator: by the new rules
// from the next request on. Method: real operators on kept and new connections.
import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { LiveClient, operatorOf } from '../helpers/clients.ts'
import { createTestCa, subjectOf } from '../helpers/test-ca.ts'
import { ReloadSetting } from './reload-setting.ts'

const setting = await ReloadSetting.start(t)
const { gateway } = setting
const port = gateway.ports.admin
const nextCa = createTestCa({ commonName: 'next-operators-ca' })
const next = { ...gateway, operatorsCa: nextCa }

const status = (who: Parameters<typeof operatorOf>[0], roles?: string[]) =>
  operatorOf(who, roles).call('GET', '/v1/status')

async function issuerShown(): Promise<string | undefined> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { CN } = socket.getPeerCertificate().issuer
  socket.destroy()
  return Array.isArray(CN) ? CN[0] : CN
}

t.test('another CA of operators, another certificate of the door', async (t) => {
  const [country, organization, name] = subjectOf('operator-01') as [never, never, never]
  const unit = { oid: '2.5.4.11', value: 'security' }
  const issue = (ca: typeof nextCa) =>
    ca.issueClient({ commonName: 'operator-01', subject: [country, organization, unit, name] })
  const kept = await LiveClient.connect({ port, certificate: issue(gateway.operatorsCa) })
  t.match(await kept.request('/v1/status'), { status: 200 })
  t.match(await status(next), { status: 401 })
  const serverCa = createTestCa({ commonName: 'next-server-ca' })
  const server = serverCa.issueServer({ names: ['localhost', '127.0.0.1'] })
  await setting.apply((config) => {
    const certificate = setting.write('next-operators.pem', nextCa.certificatePem)
    config.doors.admin.operatorIssuers = [{ certificate }]
    config.doors.admin.serverCertificates = [
      { certificate: setting.write('admin.pem', server.chainPem), key: setting.write('admin.key', server.keyPem) },
    ]
  })
  t.match(await kept.request('/v1/status'), { status: 401 }, 'on the connection that is there')
  t.match(await status(gateway), { status: 401 })
  t.match(await status(next), {
    status: 200,
    body: { configuration: { lastReload: { result: 'applied', cause: 'signal' } } },
  })
  t.equal(await issuerShown(), 'next-server-ca')
  kept.destroy()
})

t.test('who may reload', async (t) => {
  for (const role of ['branch', 'auditor']) {
    const { status: refused, body } = await operatorOf(next, [role]).call('POST', '/v1/reload')
    t.match({ refused, reason: body.reason ?? body.code }, { refused: 403, reason: 'admin_role_missing' })
  }
  t.match(await operatorOf(next).call('POST', '/v1/reload'), { status: 200, body: { result: 'unchanged' } })
})
