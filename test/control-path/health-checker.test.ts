// Goal: active checks find out which targets are healthy, by the configured thresholds, and tell every change once.
// Method: real HTTP and HTTPS applications on loopback whose answers the test chooses; short intervals, waiting for what happens.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import t, { type Test } from 'tap'
import type { HealthCheckConfig, UpstreamConfig, UpstreamTlsConfig } from '../../src/config/gateway-config.ts'
import { HealthChecker, type TargetHealth } from '../../src/control-path/health-checker.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

type App = {
  readonly port: number
  readonly name: string
  readonly requests: IncomingMessage[]
  /** Checks that have been answered or given up. */
  ended: number
  /** Checks under way at once, at most. */
  runningMax: number
  connections: number
  answer: Answer
}

const status =
  (code: number): Answer =>
  (_, response) =>
    void response.writeHead(code).end('ok')

const silence: Answer = () => {}

async function startApp(t: Test, certificate?: TestCertificate, ca?: string): Promise<App> {
  const requests: IncomingMessage[] = []
  let running = 0
  const take: Answer = (request, response) => {
    requests.push(request)
    running++
    app.runningMax = Math.max(app.runningMax, running)
    response.on('close', () => {
      running--
      app.ended++
    })
    app.answer(request, response)
  }
  const server =
    certificate === undefined
      ? createServer(take)
      : createSecureServer({
          cert: certificate.chainPem,
          key: certificate.keyPem,
          ...(ca === undefined ? {} : { ca, requestCert: true }),
        })
  if (certificate !== undefined) server.on('request', take)
  server.on('connection', () => app.connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const app: App = {
    port,
    name: `127.0.0.1:${port}`,
    requests,
    ended: 0,
    runningMax: 0,
    connections: 0,
    answer: status(200),
  }
  return app
}

const usualCheck: HealthCheckConfig = {
  path: '/health?deep=1',
  host: undefined,
  intervalMs: 5,
  timeoutMs: 2_000,
  healthyAfter: 2,
  unhealthyAfter: 3,
}

type Changes = {
  readonly name?: string
  readonly check?: Partial<HealthCheckConfig> | undefined
  readonly tls?: Partial<UpstreamTlsConfig>
}

function upstreamOf(apps: readonly App[], changes: Changes = {}): UpstreamConfig {
  const { tls } = changes
  const healthCheck =
    'check' in changes && changes.check === undefined ? undefined : { ...usualCheck, ...changes.check }
  return {
    name: changes.name ?? 'app',
    targets: apps.map(({ name, port }) => ({ name, host: '127.0.0.1', port, secure: tls !== undefined })),
    tls:
      tls === undefined
        ? undefined
        : { caPem: '', serverName: undefined, certificatePem: undefined, keyPem: undefined, ...tls },
    affinity: 'none',
    connectTimeoutMs: 3_000,
    connectionsMax: 64,
    idleConnectionsMax: 64,
    idleTimeoutMs: 30_000,
    queueMax: 4,
    queueTimeoutMs: 5_000,
    slowStartMs: 0,
    ejection: { failures: 3, durationMs: 10_000 },
    healthCheck,
  }
}

function startChecker(t: Test, upstreams: readonly UpstreamConfig[]) {
  const told: TargetHealth[] = []
  const checker = new HealthChecker({ upstreams, changed: (health) => told.push(health), random: () => 0 })
  t.teardown(() => checker.close())
  /** Resolves with this many changes. */
  const changes = (count: number) =>
    eventually(
      () => told.map(({ target, healthy }) => ({ target, healthy })),
      ({ length }) => length >= count,
    )
  return { checker, told, changes }
}

/** Waits until so many more checks have ended. */
async function checksOf(app: App, count: number): Promise<void> {
  const from = app.ended
  await eventually(
    () => app.ended - from,
    (ended) => ended >= count,
  )
}

t.test('a target is asked for the path under its own name, each time on a new connection', async (t) => {
  const app = await startApp(t)
  const { told, checker } = startChecker(t, [upstreamOf([app])])
  await checksOf(app, 4)
  t.match(app.requests[0], { method: 'GET', url: '/health?deep=1', headers: { host: app.name, connection: 'close' } })
  t.ok(app.connections >= 4)
  t.strictSame(told, [], 'it was healthy from the beginning')
  t.strictSame(checker.current(), [{ upstream: 'app', target: app.name, healthy: true }])
})

t.test('the configured host is asked for', async (t) => {
  const app = await startApp(t)
  startChecker(t, [upstreamOf([app], { check: { host: 'bank.example' } })])
  await checksOf(app, 1)
  t.equal(app.requests[0]?.headers.host, 'bank.example')
})

t.test('so many failures in a row make a target unhealthy, so many successes healthy again', async (t) => {
  const app = await startApp(t)
  const { told, changes, checker } = startChecker(t, [upstreamOf([app])])
  // Two failures, a success, then failures only: the third in a row counts.
  const answers = [503, 503, 200, 503, 503, 503]
  let at = 0
  const toldAt: number[] = []
  app.answer = (request, response) => {
    toldAt.push(told.length)
    status(answers[at++] ?? 503)(request, response)
  }
  t.strictSame(await changes(1), [{ target: app.name, healthy: false }])
  t.strictSame(toldAt.slice(0, 6), [0, 0, 0, 0, 0, 0])
  t.strictSame(checker.current(), [{ upstream: 'app', target: app.name, healthy: false }])
  await checksOf(app, 3)
  t.equal(told.length, 1, 'told once')
  const returning = [204, 500, 302, 200]
  at = 0
  toldAt.length = 0
  app.answer = (request, response) => {
    toldAt.push(told.length)
    status(returning[at++] ?? 200)(request, response)
  }
  t.strictSame(await changes(2), [
    { target: app.name, healthy: false },
    { target: app.name, healthy: true },
  ])
  t.strictSame(toldAt.slice(0, 4), [1, 1, 1, 1])
})

t.test('whatever is no answer in time with a good status is a failure', async (t) => {
  const bad: Record<string, Answer> = {
    'status 404': status(404),
    'status 500': status(500),
    'a switch of protocols': (_, response) =>
      void response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    silence,
    'a broken head': (_, response) => void response.socket?.end('HTTP/1.1 200\u0001OK\r\n\r\n'),
    'no answer at all': (_, response) => void response.socket?.destroy(),
  }
  for (const [name, answer] of Object.entries(bad)) {
    const app = await startApp(t)
    app.answer = answer
    const { changes, checker } = startChecker(t, [upstreamOf([app], { check: { timeoutMs: 50, unhealthyAfter: 2 } })])
    t.strictSame(await changes(1), [{ target: app.name, healthy: false }], name)
    checker.close()
  }
})

t.test('a good status counts whatever follows: a body without end, or one that is cut off', async (t) => {
  const finished: boolean[] = []
  const good: Record<string, Answer> = {
    'a long body': (_, response) => {
      response.on('close', () => finished.push(response.writableFinished))
      response.end('x'.repeat(20_000_000))
    },
    'a body that stalls': (_, response) => void response.writeHead(200).write('begin'),
    'a body cut off': (_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('begin', () => response.socket?.destroy())
    },
  }
  for (const [name, answer] of Object.entries(good)) {
    const app = await startApp(t)
    app.answer = answer
    const { told } = startChecker(t, [upstreamOf([app], { check: { timeoutMs: 1_000, unhealthyAfter: 1 } })])
    await checksOf(app, 2)
    t.strictSame(told, [], name)
  }
  t.notOk(finished.some(Boolean), 'a long body is not read to its end')
})

t.test('a target that is not there is unhealthy; one that is stays healthy', async (t) => {
  const gone = await startApp(t)
  const app = await startApp(t)
  const nobody = { ...gone, port: 1, name: '127.0.0.1:1' }
  const { changes, checker } = startChecker(t, [upstreamOf([nobody, app])])
  t.strictSame(await changes(1), [{ target: nobody.name, healthy: false }])
  await checksOf(app, 4)
  t.strictSame(
    checker.current().map(({ healthy }) => healthy),
    [false, true],
  )
})

t.test('each target is asked one question at a time, however slow it is', async (t) => {
  const app = await startApp(t)
  const waiting: ServerResponse[] = []
  app.answer = (_, response) => void waiting.push(response)
  const other = await startApp(t)
  startChecker(t, [upstreamOf([app, other])])
  await checksOf(other, 10)
  t.equal(waiting.length, 1)
  waiting[0]?.end()
  await eventually(
    () => waiting.length,
    (length) => length === 2,
  )
  t.equal(app.runningMax, 1)
})

t.test('the first checks are spread over an interval', async (t) => {
  const apps = [await startApp(t), await startApp(t)]
  const spread = [0.999, 0]
  const checker = new HealthChecker({
    upstreams: [upstreamOf(apps, { check: { intervalMs: 1_000_000 } })],
    changed: () => {},
    random: () => spread.shift() ?? 0,
  })
  t.teardown(() => checker.close())
  await checksOf(apps[1] as App, 1)
  t.equal(apps[0]?.requests.length, 0)
})

t.test('upstreams without a health check are left alone', async (t) => {
  const [checked, other] = [await startApp(t), await startApp(t)]
  const { checker } = startChecker(t, [upstreamOf([checked]), upstreamOf([other], { name: 'other', check: undefined })])
  await checksOf(checked, 3)
  t.equal(other.connections, 0)
  t.equal(checker.current().length, 1)
})

const ca = createTestCa({ commonName: 'Upstream Root' })

t.test('over TLS the same certificate is wanted, and shown, as for requests', async (t) => {
  const app = await startApp(t, ca.issueServer({ names: ['app.bank.example'] }), ca.certificatePem)
  const own = ca.issueClient({ commonName: 'gateway' })
  const tls = { caPem: ca.certificatePem, serverName: 'app.bank.example' }
  const { told } = startChecker(t, [
    upstreamOf([app], { tls: { ...tls, certificatePem: own.chainPem, keyPem: own.keyPem } }),
  ])
  await checksOf(app, 4)
  t.strictSame(told, [])
  t.match(app.requests[0]?.socket, { authorized: true })
})

t.test('an application with another certificate is unhealthy, and is asked nothing', async (t) => {
  const other = createTestCa({ commonName: 'Other Root' })
  for (const certificate of [ca.issueServer({ names: ['other.bank.example'] }), other.issueServer()]) {
    const app = await startApp(t, certificate)
    const { changes } = startChecker(t, [upstreamOf([app], { tls: { caPem: ca.certificatePem } })])
    t.strictSame(await changes(1), [{ target: app.name, healthy: false }])
    t.equal(app.requests.length, 0)
  }
})

t.test('after a reload what is known stays known, new targets are checked, old ones no longer', async (t) => {
  const [bad, removed, added] = [await startApp(t), await startApp(t), await startApp(t)]
  bad.answer = status(500)
  const { checker, told, changes } = startChecker(t, [upstreamOf([bad, removed])])
  await changes(1)
  checker.replace([upstreamOf([bad, added], { check: { path: '/other' } })])
  const asked = removed.requests.length
  t.strictSame(
    checker.current().map(({ target, healthy }) => ({ target, healthy })),
    [
      { target: bad.name, healthy: false },
      { target: added.name, healthy: true },
    ],
  )
  await checksOf(added, 3)
  t.equal(added.requests[0]?.url, '/other')
  t.ok(removed.requests.length <= asked + 1, 'at most the check that was under way')
  t.equal(told.length, 1)
})

t.test('an unhealthy target that is no longer checked is reported as healthy', async (t) => {
  const [bad, good] = [await startApp(t), await startApp(t)]
  bad.answer = status(500)
  const { checker, told, changes } = startChecker(t, [upstreamOf([bad, good])])
  await changes(1)
  checker.replace([upstreamOf([bad, good], { check: undefined })])
  t.strictSame(told.slice(1), [{ upstream: 'app', target: bad.name, healthy: true }])
  t.strictSame(checker.current(), [])
})

t.test('once closed nothing is asked or told, even if a check was under way', async (t) => {
  const app = await startApp(t)
  app.answer = silence
  const { checker, told } = startChecker(t, [upstreamOf([app], { check: { unhealthyAfter: 1 } })])
  await eventually(() => app.requests.length, Boolean)
  checker.close()
  await checksOf(app, 1)
  // Another checker's checks show that time passes.
  const other = await startApp(t)
  startChecker(t, [upstreamOf([other])])
  await checksOf(other, 5)
  t.equal(app.requests.length, 1)
  t.strictSame(told, [])
})

t.test('who is told of a change may close the checker', async (t) => {
  const app = await startApp(t)
  app.answer = status(500)
  const checker = new HealthChecker({
    upstreams: [upstreamOf([app], { check: { unhealthyAfter: 1 } })],
    changed: () => checker.close(),
    random: () => 0,
  })
  await checksOf(app, 1)
  const other = await startApp(t)
  startChecker(t, [upstreamOf([other])])
  await checksOf(other, 5)
  t.equal(app.requests.length, 1)
})
