// Goal: who follows the guide to tracing sees spans arrive. Method: its command, module and configuration, in a folder of the test; a collector
// that keeps what the SDK sends; one request through a gateway.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { readSource } from '../tidy/source-files.ts'
import { blocksOf } from './guide-commands.ts'

const guide = readSource('config/guides/tracing.md').text
const place = '/etc/sekisho/tracing'

/** The one block of a language. */
function blockOf(language: string): string {
  const [block, ...more] = [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))]
  if (block === undefined || more.length > 0) throw new Error(`There is not one block of ${language}`)
  return block[1] ?? ''
}

t.test('the guide works as it is written', { timeout: 110_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-tracing-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  t.equal(blocksOf(guide).length, 1)
  const install = blockOf('sh').replaceAll(place, folder)
  execFileSync('sh', ['-e', '-c', install], {
    cwd: folder,
    stdio: 'ignore',
    // Not those of the project that runs the tests.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, npm_config_prefer_offline: 'true' },
  })
  writeFileSync(join(folder, 'tracing.mjs'), blockOf('js'))
  t.equal(blockOf('yaml'), `tracing:\n  module: ${place}/tracing.mjs\n`)

  let sent = ''
  const collector = createServer(async (request, response) => {
    for await (const chunk of request) sent += (chunk as Buffer).toString('latin1')
    response.end()
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  t.teardown(() => {
    collector.closeAllConnections()
    collector.close()
  })
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
  process.env.OTEL_METRICS_EXPORTER = 'none'
  process.env.OTEL_LOGS_EXPORTER = 'none'

  const app = await TestUpstream.start()
  t.teardown(() => app.stop())
  app.answer('/traced', plainAnswer('ok'))
  const config = { tracing: { module: join(folder, 'tracing.mjs') } }
  const gateway = await withGateway({ upstreamPort: app.port, config })
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const client = await RawClient.connect(gateway, { certificate })
  t.match(await client.get('/traced').answer(), { status: 200 })
  client.close()
  t.match((await app.request('/traced')).values('traceparent')[0], /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  // What was not sent yet is sent by the module's `flush`, when the worker has drained.
  await gateway.gateway.drain()
  await gateway.stop()
  const names = [...guide.matchAll(/^\| `(tls\.\w+|sekisho\.\w+)` /gm)].map(([, name = '']) => name)
  t.ok(names.length >= 2)
  for (const name of [...names, 'GET ', 'upstream ']) t.ok(sent.includes(name), name)
  t.notMatch(sent, /user01|\/traced/, 'neither login ID nor path')
})
