// Goal: a rolling restart under load fails no request: what is in progress ends on the old process, a revocation during the overlap
// cuts there too, and the audit log's chain goes on unbroken from one process to the other.
// Method: supervisor and gateway processes as an operator runs them; keep-alive, new and HTTP/2 connections of Node, and curl, go on
// throughout; one request is held open by the application.
import { type ClientHttp2Session, connect } from 'node:http2'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import t from 'tap'
import { verifyAuditFile } from '../../src/observe/verify-audit.ts'
import { operatorOf } from '../helpers/clients.ts'
import { visitWithCurl } from '../helpers/curl-client.ts'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { type SupervisedGateway, superviseGateway } from '../helpers/supervised-gateway.ts'
import type { TestCertificate } from '../helpers/test-ca.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'

const app = await TestUpstream.start()
app.answer('/load', plainAnswer('served'))
for (const path of ['/held', '/cut']) app.handle(path, () => {})
t.teardown(() => app.stop())

/** Asks until it is told to stop; every request must be answered. */
class Load {
  answered = 0
  readonly failures: string[] = []
  #stopped = false
  readonly #ended: Promise<unknown>

  constructor(clients: readonly (() => Promise<string>)[]) {
    this.#ended = Promise.all(clients.map((ask) => this.#run(ask)))
  }

  async #run(ask: () => Promise<string>): Promise<void> {
    while (!this.#stopped) {
      const answer = await ask().catch((error: Error) => error.message)
      if (answer === 'served') this.answered++
      else this.failures.push(answer)
    }
  }

  /** Resolves once so many more requests have been answered. */
  async more(requests: number): Promise<void> {
    const wanted = this.answered + requests
    await eventually(
      () => this.answered,
      (answered) => answered >= wanted || this.failures.length > 0,
      20_000,
    )
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
  }
}

function askWithNode(gateway: SupervisedGateway, certificate: TestCertificate, agent: Agent | false) {
  return () =>
    new Promise<string>((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: gateway.ports.certificate,
          path: '/load',
          servername: 'localhost',
          headers: { Host: 'localhost' },
          ca: gateway.serverCaPem,
          cert: certificate.certificatePem,
          key: certificate.keyPem,
          agent,
        },
        (answer) => {
          let text = ''
          answer.setEncoding('utf8')
          answer.on('data', (part: string) => (text += part))
          answer.on('end', () => resolve(text))
          answer.on('error', reject)
        },
      )
      sent.on('error', reject)
      sent.end()
    })
}

/** Streams of one HTTP/2 connection after another: the next one when the gateway has said that it goes away. */
function askWithHttp2(gateway: SupervisedGateway, certificate: TestCertificate) {
  let session: ClientHttp2Session | undefined
  return () =>
    new Promise<string>((resolve, reject) => {
      if (session === undefined || session.closed || session.destroyed) {
        session = connect(`https://localhost:${gateway.ports.certificate}`, {
          ca: gateway.serverCaPem,
          cert: certificate.certificatePem,
          key: certificate.keyPem,
        })
        session.on('error', reject)
        session.unref()
      }
      const stream = session.request({ ':path': '/load' })
      let text = ''
      stream.setEncoding('utf8')
      stream.on('data', (part: string) => (text += part))
      stream.on('end', () => resolve(text))
      stream.on('error', reject)
      stream.end()
    })
}

function askWithCurl(gateway: SupervisedGateway, certificate: TestCertificate) {
  const visit = { port: gateway.ports.certificate, certificate, path: '/load' }
  return async () => {
    const [visited] = await visitWithCurl(visit, { folder: gateway.folder })
    return visited?.kind === 'answer' ? visited.body : (visited?.detail ?? '')
  }
}

t.test('rolling restart', async (t) => {
  const gateway = await superviseGateway({ upstreamPort: app.port, config: { workers: 2, revocation: { pollMs: 50 } } })
  t.teardown(() => gateway.remove())
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const user02 = gateway.issuingCa.issueClient({ commonName: 'user02' })
  const agents = Array.from({ length: 6 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  t.teardown(() => {
    for (const agent of agents) agent.destroy()
  })
  const load = new Load([
    ...agents.map((agent) => askWithNode(gateway, user01, agent)),
    askWithNode(gateway, user01, false),
    askWithNode(gateway, user01, false),
    askWithHttp2(gateway, user01),
    askWithHttp2(gateway, user01),
    askWithCurl(gateway, user01),
  ])
  const held = await RawClient.connect(gateway, { certificate: user01 })
  held.get('/held')
  const heldRequest = await app.request('/held')
  const cut = await RawClient.connect(gateway, { certificate: user02 })
  cut.get('/cut')
  await app.request('/cut')
  await load.more(100)
  const [old] = gateway.gatewayPids()

  gateway.signal('SIGUSR2')
  await eventually(gateway.output, (text) => text.includes('the new gateway process is in charge'), 20_000)
  t.match(gateway.gatewayPids(), [old, /\d+/], 'both are there while the old one has a request in progress')
  await load.more(100)

  t.equal(cut.socket.destroyed, false)
  const { body } = await operatorOf(gateway).call('POST', '/v1/revocations', { loginIds: ['user02'] })
  t.match(body, { revoked: 1 })
  await cut.untilEnd()
  t.pass('a revocation made in the new process cuts in the old one')

  heldRequest.socket.write(plainAnswer('at last'))
  const answer = await held.answer()
  t.equal(answer.text, 'at last', 'a request in progress ends on the old one')
  t.equal(answer.value('connection'), 'close')
  await eventually(
    () => gateway.gatewayPids(),
    (pids) => pids.length === 1 && pids[0] !== old,
    20_000,
  )
  await load.more(100)

  gateway.signal('SIGUSR2')
  await eventually(gateway.output, (text) => text.split('the new gateway process is in charge').length === 3, 20_000)
  await load.more(100)
  await load.stop()
  t.strictSame(load.failures, [])

  const refused = await RawClient.connect(gateway, { certificate: user02 })
  t.equal((await refused.get('/load').answer()).status, 403, 'revoked stays revoked')
  process.kill(gateway.pid, 'SIGTERM')
  t.equal(await gateway.ended, 0)
  const records = gateway.auditLines().map((line) => JSON.parse(line))
  const told = (event: string) => records.filter((record) => record.event === event)
  t.equal(told('gateway_started').length, 3)
  t.equal(told('gateway_stopped').length, 3, 'the last words of a process that had let go are written by the next one')
  t.equal(told('certificate_revoked').length, 1)
  const verified = await verifyAuditFile(join(gateway.folder, 'state', 'audit.log'))
  t.match(verified, { ok: true, records: records.length, head: 'agrees' })
})
