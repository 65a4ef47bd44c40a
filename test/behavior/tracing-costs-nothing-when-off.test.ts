// Goal: without `tracing.module` no data worker reads a line of the tracing code or of its package, and the application gets the head as it
// always did, the client's own trace context included; with a module that cannot begin tracing the gateway does not start.
// Method: gateways as operators run them, with a witness that notes what their threads import; raw heads at the application.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { spanProviderFile } from '../helpers/span-listener.ts'
import { startSupervised, superviseGateway } from '../helpers/supervised-gateway.ts'
import { TestUpstream } from '../helpers/upstream.ts'

const witness = fileURLToPath(new URL('../helpers/import-witness.ts', import.meta.url))
const app = await TestUpstream.start()
const folder = t.testdir()
t.teardown(() => app.stop())
// The gateways are children of this process and have its environment.
process.env.NODE_OPTIONS = `--import=${witness}`
process.env.WITNESS_PACKAGE = '@opentelemetry/'

const context = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nTraceState: a=1\r\n'

/** A gateway with this configuration, and lines of what its threads imported. */
async function witnessed(t: Test, name: string, tracing: Readonly<Record<string, unknown>>) {
  const file = join(folder, name)
  process.env.WITNESS_FILE = file
  const gateway = await superviseGateway({ upstreamPort: app.port, config: { tracing } })
  t.teardown(() => gateway.remove())
  const client = await RawClient.connect(gateway, {
    certificate: gateway.issuingCa.issueClient({ commonName: 'user01' }),
  })
  t.equal((await client.get(`/${name}`, `X-First: 1\r\n${context}X-Last: 1\r\n`).answer()).status, 200)
  client.close()
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  return { gateway, head: (await app.request(`/${name}`)).head, lines }
}

t.test('off: no worker imports the package, and the client’s context passes as it came', async (t) => {
  const { gateway, head, lines } = await witnessed(t, 'off', {})
  t.ok(lines.includes('thread started'), 'the witness stands in the workers')
  t.strictSame(
    lines.filter((line) => line.startsWith('thread @')),
    [],
  )
  const start = 'GET /off HTTP/1.1\r\nHost: localhost\r\n'
  t.ok(head.startsWith(`${start}X-First: 1\r\n${context}X-Last: 1\r\nSekisho-Login-Method: `), head)
  const http2 = await Http2Client.connect(gateway, { door: 'public' })
  t.equal((await http2.get('/off-h2', { traceparent: 'whatever', tracestate: 'b=2' })).status, 200)
  http2.close()
  const request = await app.request('/off-h2')
  t.strictSame([request.values('traceparent'), request.values('tracestate')], [['whatever'], ['b=2']])
})

t.test('on: it does, and the same client’s context is replaced', async (t) => {
  const { head, lines } = await witnessed(t, 'on', { module: spanProviderFile })
  t.ok(lines.includes('thread @opentelemetry/api'))
  t.match(head, /X-First: 1\r\nX-Last: 1\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\nSekisho-Login-Method: /)
})

t.test('a module that registers nothing keeps the gateway from starting, and says why', async (t) => {
  const module = join(folder, 'nothing.mjs')
  writeFileSync(module, 'export {}')
  const gateway = startSupervised({ upstreamPort: app.port, config: { tracing: { module } } })
  t.teardown(() => gateway.remove())
  t.not(await gateway.ended, 0)
  t.match(gateway.output(), 'Cannot use tracing.module as a module that begins tracing')
})
