// Goal: probes and scrapers get the right answers from the ops listener, and nothing else is served.
// Method: the listener on free loopback ports, asked by curl and by raw sockets.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { Log } from '../../src/observe/log.ts'
import { createMetricLayout } from '../../src/observe/metric-table.ts'
import { createMetrics } from '../../src/observe/metrics-page.ts'
import { type OpsListenerOptions, type Readiness, startOpsListener } from '../../src/observe/ops-listener.ts'
import { addressOf, bindSocket } from '../../src/supervise/socket-handle.ts'
import { parsePrometheus } from './parse-prometheus.ts'

const run = promisify(execFile)
const loopback = { host: '127.0.0.1', port: 0 }

function createSilentLog() {
  const errors: string[] = []
  const ignore = () => {}
  const log: Log = { debug: ignore, info: ignore, warn: ignore, error: (message) => errors.push(message) }
  return { log, errors }
}

async function start(t: Test, options: Partial<OpsListenerOptions> = {}) {
  const layout = createMetricLayout({
    doors: ['retail'],
    routes: ['app'],
    upstreams: ['app'],
    issuers: ['demo-issuing-ca'],
    serverCertificates: [],
    adminRoutes: [],
    build: { version: '0.1.0', node: 'v26', openssl: '3.5' },
  })
  const listener = await startOpsListener({
    listen: [loopback],
    metrics: createMetrics({ layout }),
    readiness: () => ({ ready: true, checks: [] }),
    log: createSilentLog().log,
    ...options,
  })
  t.teardown(() => listener.close())
  const port = listener.addresses[0]?.port as number
  const curl = async (path: string, ...args: string[]) => {
    const { stdout } = await run('curl', ['-si', '--max-time', '5', ...args, `http://127.0.0.1:${port}${path}`])
    const [head = '', ...body] = stdout.split('\r\n\r\n')
    return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body: body.join('\r\n\r\n') }
  }
  return { listener, port, curl }
}

t.test('metrics are served as a scraper wants them', async (t) => {
  const { curl } = await start(t)
  const { status, head, body } = await curl('/metrics')
  t.equal(status, 200)
  t.match(head, /content-type: text\/plain; version=0\.0\.4/)
  const families = parsePrometheus(body)
  t.ok(families.has('sekisho_connections_open'))
  t.ok(families.has('process_cpu_seconds_total'))
})

t.test('liveness is always 200; HEAD has the length and no body', async (t) => {
  const { curl } = await start(t, { readiness: () => ({ ready: false, checks: [] }) })
  t.match(await curl('/livez'), { status: 200, body: 'ok\n' })
  const head = await curl('/livez', '--head')
  t.match(head, { status: 200, body: '' })
  t.match(head.head, /content-length: 3/)
})

t.test('readiness follows the function, and verbose names the checks', async (t) => {
  let readiness: Readiness = {
    ready: true,
    checks: [
      { name: 'store', ok: true, detail: '', fatal: true },
      { name: 'upstream', ok: false, detail: 'connection refused\r\n[+]forged ok', fatal: false },
      { name: 'workers', ok: true, detail: '2 of 2', fatal: true },
    ],
  }
  const { curl } = await start(t, { readiness: () => readiness })
  t.match(await curl('/readyz'), { status: 200, body: 'ready\n' })
  t.strictSame((await curl('/readyz?verbose')).body.split('\n'), [
    '[+]store ok',
    '[-]upstream connection refused [+]forged ok (logins go on)',
    '[+]workers ok (2 of 2)',
    'ready',
    '',
  ])
  readiness = { ready: false, checks: [{ name: 'revocations', ok: false, detail: 'stale', fatal: true }] }
  t.match(await curl('/readyz'), { status: 503, body: 'not ready\n' })
  t.match(await curl('/readyz?verbose=1'), { status: 503, body: '[-]revocations stale\nnot ready\n' })
})

t.test('other paths and methods are refused', async (t) => {
  const { curl } = await start(t)
  for (const path of ['/', '/metrics/', '/METRICS', '/debug', '/metricsx', '/readyzz?verbose']) {
    t.equal((await curl(path)).status, 404, path)
  }
  const post = await curl('/metrics', '-d', 'x=1')
  t.equal(post.status, 405)
  t.match(post.head, /allow: get, head/)
  t.match(post.head, /connection: close/)
})

t.test('a reading that fails is a 500, logged, without the reason in the answer', async (t) => {
  const { log, errors } = createSilentLog()
  const metrics = {
    render: async () => {
      throw new Error('inner detail')
    },
  }
  const { curl } = await start(t, { log, metrics })
  const { status, body } = await curl('/metrics')
  t.equal(status, 500)
  t.notMatch(body, /inner detail/)
  t.equal(errors.length, 1)
  t.equal((await curl('/livez')).status, 200)
})

t.test('oversized and broken heads are refused', async (t) => {
  const { port, curl } = await start(t)
  t.equal((await curl('/livez', '-H', `X-Long: ${'x'.repeat(10_000)}`)).status, 431)
  const socket = connect(port, '127.0.0.1')
  socket.end('GET /livez\r\nnonsense\r\n\r\n')
  const [answer] = await once(socket, 'data')
  t.match(String(answer), /^HTTP\/1\.1 400/)
  socket.destroy()
})

t.test('an address in use is named, and what was opened is closed again', async (t) => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await once(blocker, 'listening')
  t.teardown(() => blocker.close())
  const taken = (blocker.address() as { port: number }).port
  const listen = [loopback, { host: '127.0.0.1', port: taken }]
  await t.rejects(start(t, { listen }), { code: 'config_invalid', path: 'doors.ops.listen[1]' })
})

t.test('several addresses, also IPv6; closing ends connections at once', async (t) => {
  const { listener } = await start(t, { listen: [loopback, { host: '::1', port: 0 }] })
  const [first, second] = listener.addresses
  t.match(second, { family: 'IPv6' })
  const idle = connect(first?.port as number, '127.0.0.1')
  await once(idle, 'connect')
  const { stdout } = await run('curl', ['-s', '--max-time', '5', `http://[::1]:${second?.port}/livez`])
  t.equal(stdout, 'ok\n')
  await Promise.all([once(idle, 'close'), listener.close()])
  await t.rejects(run('curl', ['-s', '--max-time', '5', `http://[::1]:${second?.port}/livez`]))
})

t.test('a socket that somebody else bound is listened on, and closed with the listener', async (t) => {
  const handle = bindSocket(loopback)
  const bound = addressOf(handle)
  const { listener, curl } = await start(t, { handles: [handle] })
  t.match(listener.addresses, [{ port: bound.port }])
  t.equal((await curl('/livez')).status, 200)
  await listener.close()
  const again = bindSocket(bound)
  again.close()
})
