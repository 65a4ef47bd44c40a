// Goal: a target that the active checks find bad is left out by every worker and comes back slowly; with none left users are told when
// to come again; a worker that starts later, and a reload, know and change what is checked.
// Method: real applications whose health answers the test chooses; two workers; what each worker sees stands in the metrics.
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { LiveClient } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { ReloadSetting } from './reload-setting.ts'

const workers: Worker[] = []
process.on('worker', (worker) => workers.push(worker))

class Target {
  readonly app: TestUpstream
  readonly url: string
  readonly name: string
  healthStatus = 200

  static async start(name: string): Promise<Target> {
    return new Target(await TestUpstream.start(), name)
  }

  private constructor(app: TestUpstream, name: string) {
    this.app = app
    this.name = `127.0.0.1:${app.port}`
    this.url = `http://${this.name}`
    app.answer('/who', plainAnswer(name))
    for (const path of ['/health', '/other-health']) {
      app.handle(path, ({ socket }) => {
        const status = path === '/health' ? this.healthStatus : 200
        socket.write(`HTTP/1.1 ${status} Any\r\nContent-Length: 0\r\n\r\n`)
      })
    }
    t.teardown(() => app.stop())
  }
}

const [one, two] = [await Target.start('one'), await Target.start('two')]
const healthCheck = { path: '/health', intervalMs: 100, timeoutMs: 90, healthyAfter: 2, unhealthyAfter: 2 }
const setting = await ReloadSetting.start(t, {
  config: {
    workers: 2,
    upstream: { targets: [{ url: one.url }, { url: two.url }], healthCheck, slowStartMs: 600_000 },
  },
})
const { gateway } = setting
const port = gateway.ports.certificate
const certificate = setting.certificateOf('user01')
const clients = await Promise.all(Array.from({ length: 6 }, () => LiveClient.connect({ port, certificate })))

/** Resolves when so many workers see the target in this state. */
const seen = (target: Target, state: string, count = 2) =>
  eventually(
    () => gateway.metric('sekisho_upstream_target_state', { target: target.name, state }),
    (workersSeeing) => workersSeeing === count,
    10_000,
  )

/** How often each target answered `rounds` requests of every client. */
async function answers(rounds = 10): Promise<Record<string, number>> {
  const counts: Record<string, number> = { one: 0, two: 0 }
  for (let round = 0; round < rounds; round++) {
    for (const answer of await Promise.all(clients.map((client) => client.request('/who')))) {
      const who = answer.kind === 'answer' ? answer.body : answer.detail
      counts[who] = (counts[who] ?? 0) + 1
    }
  }
  return counts
}

t.test('one goes bad: requests go on, on the other one', async (t) => {
  await seen(one, 'available')
  t.ok(Object.values(await answers()).every((count) => count > 0))
  one.healthStatus = 503
  await seen(one, 'unhealthy')
  t.strictSame(await answers(), { one: 0, two: 60 })
  t.ok(gateway.logLines.some((line) => line.includes('a target is unhealthy') && line.includes(one.name)))
})

t.test('a worker that starts now knows it', async (t) => {
  const [worker] = workers as [Worker]
  const served = clients.length
  await worker.terminate()
  await eventually(
    () => gateway.metric('sekisho_workers'),
    (running) => running === 2,
  )
  await seen(one, 'unhealthy')
  for (const [at, client] of clients.entries()) {
    if (client.closed) clients[at] = await LiveClient.connect({ port, certificate })
  }
  t.strictSame(await answers(), { one: 0, two: served * 10 })
})

t.test('it comes back slowly', async (t) => {
  one.healthStatus = 200
  await seen(one, 'available')
  const { one: few = 0, two: most = 0 } = await answers(20)
  t.ok(few > 0 && few < most / 3, `${few} of ${few + most} in a start of ten minutes`)
})

t.test('none is left: 503 with a page in the user’s language that says when to come again', async (t) => {
  one.healthStatus = 500
  two.healthStatus = 500
  await seen(one, 'unhealthy')
  await seen(two, 'unhealthy')
  for (const [language, text] of [
    ['ja', /[ぁ-ん]/],
    ['en', /again/i],
  ] as const) {
    const client = await setting.connect({ certificate })
    const page = await client.get('/who', `Accept: text/html\r\nAccept-Language: ${language}\r\n`).answer()
    t.equal(page.status, 503)
    t.match(page.text, `<html lang="${language}"`)
    t.match(page.value('retry-after'), /^\d+$/)
    t.match(page.text, text)
    client.close()
  }
  t.match(await clients[0]?.request('/who'), { status: 503, reason: 'upstream_unavailable' })
  t.ok(Number(await gateway.metric('sekisho_faults_total', { code: 'upstream_unavailable' })) >= 3)
  two.healthStatus = 302
  await seen(two, 'available')
  t.strictSame(await answers(1), { one: 0, two: clients.length })
})

t.test('a reload: what was known stays known, what is asked changes at once', async (t) => {
  await setting.apply((config) => {
    config.upstreams[0].healthCheck.healthyAfter = 1
  })
  await seen(one, 'unhealthy')
  t.strictSame(await answers(1), { one: 0, two: clients.length })
  await setting.apply((config) => {
    config.upstreams[0].healthCheck.path = '/other-health'
    config.upstreams[0].slowStartMs = 0
  })
  await seen(one, 'available')
  t.ok(Object.values(await answers()).every((count) => count > 0))
  await setting.apply((config) => {
    config.upstreams[0].healthCheck.path = '/health'
  })
  await seen(one, 'unhealthy')
  await setting.apply((config) => {
    delete config.upstreams[0].healthCheck
  })
  await seen(one, 'available')
  t.pass('without checks every target counts as healthy')
  await setting.apply((config) => {
    config.upstreams[0].healthCheck = healthCheck
    config.upstreams[0].targets = [{ url: one.url }]
  })
  await seen(one, 'unhealthy')
  t.match(await clients[0]?.request('/who'), { status: 503 })
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
})

t.teardown(() => {
  for (const client of clients) client.destroy()
})
