// Goal: a reload is whole in every worker or nothing, also when one of them cannot use the configuration, or crashes before, while or
// after it goes over: its replacement serves by what is then in force. Method: the real gateway with two workers, caught as Node
// announces them; one is handed something else than it was sent, or terminated at a message.
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { LiveClient } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { type ConfigText, ReloadSetting } from './reload-setting.ts'

const workers: Worker[] = []
process.on('worker', (worker) => workers.push(worker))

type Sent = { call?: { type: string; reload?: ConfigText } }

/** Has this done once when the worker is sent a call of this type; what is returned is sent in its place. */
function intercept(worker: Worker, type: string, act: (sent: Sent) => Sent): void {
  const post = worker.postMessage
  worker.postMessage = (sent: Sent) => {
    if (sent.call?.type !== type) return post.call(worker, sent)
    worker.postMessage = post
    return post.call(worker, act(sent))
  }
}

async function setUp(t: Test) {
  workers.length = 0
  const setting = await ReloadSetting.start(t, { config: { workers: 2 } })
  const { gateway, app } = setting
  const next = await TestUpstream.start()
  t.teardown(() => next.stop())
  app.answer('/', plainAnswer('old'))
  next.answer('/', plainAnswer('next'))
  const certificate = setting.certificateOf('user01')
  const seen = (port: number) =>
    gateway.metric('sekisho_upstream_target_state', { target: `127.0.0.1:${port}`, state: 'available' })
  const use = (upstream: TestUpstream) => (config: ConfigText) => {
    config.upstreams[0].targets = [{ url: `http://127.0.0.1:${upstream.port}` }]
  }
  /** Both workers serve from this application, and only from it. */
  const checkInForce = async (t: Test, upstream: TestUpstream, other: TestUpstream) => {
    await eventually(
      () => seen(upstream.port),
      (count) => count === 2,
    )
    t.equal(await seen(other.port), undefined)
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => LiveClient.connect({ port: gateway.ports.certificate, certificate })),
    )
    const bodies = await Promise.all(clients.map((client) => client.request()))
    t.strictSame(
      [...new Set(bodies.map((answer) => answer.kind === 'answer' && answer.body))],
      [upstream === next ? 'next' : 'old'],
    )
    for (const client of clients) client.destroy()
    t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
  }
  return { setting, gateway, app, next, use, checkInForce }
}

t.test('one worker cannot use it: none does', async (t) => {
  const { setting, gateway, app, next, use, checkInForce } = await setUp(t)
  intercept(workers[1] as Worker, 'reload_prepare', (sent) => {
    const broken = structuredClone(sent)
    broken.call?.reload.config.issuers.push({ name: 'broken', certificatePem: 'nonsense', chainPems: [] })
    return broken
  })
  setting.edit((config) => {
    use(next)(config)
    config.upstreams.push({ name: 'never', targets: [{ url: 'http://127.0.0.1:9' }] })
    config.routes = [
      { name: 'app', upstream: 'app' },
      { name: 'never', upstream: 'never', pathPrefix: '/never' },
    ]
  })
  t.match(await setting.reload(), { result: 'refused', problems: [/issuer broken/] })
  await checkInForce(t, app, next)
  t.equal(await gateway.metric('sekisho_config_last_reload_successful'), 0)
  t.match(await setting.reload(), { result: 'applied' }, 'the same files, and this time it can')
  await checkInForce(t, next, app)
  t.equal(await gateway.metric('sekisho_worker_restarts_total'), 0)
})

for (const type of ['reload_prepare', 'reload_commit']) {
  t.test(`one worker crashes at ${type}`, async (t) => {
    const { setting, gateway, app, next, use, checkInForce } = await setUp(t)
    const [worker] = workers as [Worker]
    intercept(worker, type, (sent) => {
      void worker.terminate()
      return sent
    })
    t.match(await setting.apply(use(next)), { result: 'applied' })
    await checkInForce(t, next, app)
    t.equal(await gateway.metric('sekisho_worker_restarts_total'), 1)
    t.match(await setting.apply(use(app)), { result: 'applied' })
    await checkInForce(t, app, next)
  })
}

t.test('both crash after it', async (t) => {
  const { setting, gateway, app, next, use, checkInForce } = await setUp(t)
  await setting.apply(use(next))
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
  await checkInForce(t, next, app)
  t.equal(await gateway.metric('sekisho_worker_restarts_total'), 2)
})
