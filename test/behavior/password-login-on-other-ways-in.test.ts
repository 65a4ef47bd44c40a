// Goal: R22 holds on every way in and in every state: stale data refuses, a route of the certificate door that is open to everybody takes
// no logins, a busy application gets the login later and whole, a reload changes the rules; who is not concerned passes.
// Method: gateways of different configuration, each asked by a login, a session and a visitor.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { RawClient, type RawOptions } from '../helpers/raw-client.ts'
import { plainAnswer } from '../helpers/upstream.ts'
import type { RunningGateway } from '../helpers/with-gateway.ts'
import { formLogin, openStoreOf, passwordConfig, sessionOf, startPasswordSetting } from './password-setting.ts'

const setsSession = plainAnswer('in', 'Set-Cookie: BANKSESSION=plain; Path=/\r\n')

async function ask(gateway: RunningGateway, bytes: string, options: RawOptions = { door: 'public' }) {
  const client = await RawClient.connect(gateway, options)
  const answer = await client.send(bytes).answer()
  client.close()
  return answer
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

t.test(
  'stale data: logins and sessions wait, visitors pass, and all is as before when it is fresh again',
  async (t) => {
    const { app, gateway } = await startPasswordSetting(t, {
      config: { revocation: { maxStalenessSeconds: 1, pollMs: 20 } },
    })
    app.answer('/login', setsSession)
    const session = await sessionOf(gateway, 'pass01')
    const store = join(gateway.folder, 'state', 'sekisho.db')
    renameSync(store, `${store}.away`)
    const answer = await eventually(
      () => ask(gateway, formLogin('pass01')),
      ({ status }) => status === 503,
    )
    t.equal(answer.value('retry-after'), '5')
    t.equal((await ask(gateway, get('/x', `Cookie: ${session}\r\n`))).status, 503)
    t.equal((await ask(gateway, get('/x', 'Cookie: theme=dark\r\n'))).status, 200, 'a visitor')
    t.equal((await ask(gateway, get('/login'))).status, 200, 'the form')
    renameSync(`${store}.away`, store)
    await eventually(
      () => ask(gateway, formLogin('pass01')),
      ({ status }) => status === 200,
    )
    t.equal((await ask(gateway, get('/x', `Cookie: ${session}\r\n`))).status, 200)
  },
)

t.test('a route of the certificate door that is open to everybody takes no login with a password', async (t) => {
  const { app, gateway } = await startPasswordSetting(t, {
    config: { routes: [{ name: 'open', upstream: 'app', certificate: 'optional' }] },
  })
  const stranger: RawOptions = { door: 'certificate' }
  const before = app.requests.length
  for (const loginId of ['user01', 'pass01']) {
    const answer = await ask(gateway, formLogin(loginId, 'Accept: application/json\r\n'), stranger)
    t.equal(answer.status, 403)
    t.equal(JSON.parse(answer.text).reason, 'certificate_missing')
  }
  t.equal((await ask(gateway, get('/login?loginId=pass01'), stranger)).status, 403)
  t.equal(app.requests.length, before)
  t.equal((await ask(gateway, get('/login'), stranger)).status, 200, 'its page passes')
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const own = await ask(gateway, formLogin('user01'), { door: 'certificate', certificate: user01 })
  t.equal(own.status, 200, 'and so does a user with a certificate (R24)')
  t.ok(app.requests.at(-1)?.values('sekisho-login-id').includes('user01'))
})

t.test('a login waits for a busy application, and for its assertion, and then arrives whole', async (t) => {
  const { app, gateway } = await startPasswordSetting(t, {
    config: {
      upstream: { connectionsMax: 1, idleConnectionsMax: 1 },
      identity: { ...(passwordConfig().identity as object), assertion: { audience: 'bank' } },
    },
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  app.handle('/slow', ({ socket }) => void promise.then(() => socket.write(plainAnswer('slow'))))
  const slow = await RawClient.connect(gateway, { door: 'public' })
  slow.get('/slow')
  await app.request('/slow')
  const clients = await Promise.all(
    ['pass01', 'pass02', 'pass03'].map(() => RawClient.connect(gateway, { door: 'public' })),
  )
  clients.forEach((client, at) => {
    client.send(formLogin(`pass0${at + 1}`))
  })
  await eventually(
    () => gateway.metric('sekisho_upstream_queue', { upstream: 'app' }),
    (waiting) => waiting === 3,
  )
  resolve()
  t.equal((await slow.answer()).text, 'slow')
  for (const [at, client] of clients.entries()) {
    const seen = JSON.parse((await client.answer()).text)
    t.equal(seen.body, `loginId=pass0${at + 1}&password=secret`)
    t.ok(seen.fields.some(([name]: [string]) => name === 'Sekisho-Assertion'))
    client.close()
  }
  slow.close()
})

t.test('a login that waits is cut when its contract is switched meanwhile, and never arrives', async (t) => {
  const { app, gateway } = await startPasswordSetting(t, {
    config: { upstream: { connectionsMax: 1, idleConnectionsMax: 1 } },
  })
  const store = await openStoreOf(gateway)
  t.teardown(() => store.close())
  app.handle('/slow', () => {})
  const slow = await RawClient.connect(gateway, { door: 'public' })
  slow.get('/slow')
  await app.request('/slow')
  const client = await RawClient.connect(gateway, { door: 'public' })
  client.send(formLogin('pass01'))
  await eventually(
    () => gateway.metric('sekisho_upstream_queue', { upstream: 'app' }),
    (waiting) => waiting === 1,
  )
  await store.setLoginMethod('yubin', 'certificate')
  t.equal((await client.untilEnd()).length, 0)
  slow.close()
  t.equal((await ask(gateway, get('/after'))).status, 200)
  t.strictSame(app.requestsFor('/login'), [])
})

t.test('unknown login IDs go to the application where that is asked for; certificate mode does not', async (t) => {
  const { app, gateway } = await startPasswordSetting(t, {
    config: { publicDoor: { insecurePassUnknownLoginIds: true } },
  })
  app.answer('/login', setsSession)
  t.match((await ask(gateway, formLogin('nobody'))).value('set-cookie'), /^BANKSESSION=s2\./)
  t.equal((await ask(gateway, formLogin('pass01'))).status, 200)
  t.equal((await ask(gateway, formLogin('user01'))).status, 403)
})

t.test('a reload changes which requests are logins; sessions go on', async (t) => {
  const { app, gateway } = await startPasswordSetting(t)
  app.answer('/login', setsSession)
  const session = await sessionOf(gateway, 'pass01')
  t.equal((await ask(gateway, formLogin('user01'))).status, 403)
  const change = async (loginRequests: object[]) => {
    const config = JSON.parse(readFileSync(gateway.configFile, 'utf8'))
    config.doors.public.loginRequests = loginRequests
    writeFileSync(gateway.configFile, JSON.stringify(config))
    t.match(await gateway.gateway.reload({ kind: 'signal' }), { result: 'applied' })
  }
  await change([{ path: '/other' }])
  t.equal((await ask(gateway, formLogin('user01'))).status, 200)
  t.equal((await ask(gateway, formLogin('user01').replace('/login', '/other'))).status, 403)
  await ask(gateway, get('/still', `Cookie: ${session}\r\n`))
  t.strictSame((await app.request('/still')).values('cookie'), ['BANKSESSION=plain'])
})

t.test('a connection that carries more users than it may is ended, not forgotten', async (t) => {
  const users = Array.from({ length: 257 }, (_, at) => `many${at}`)
  const { gateway } = await startPasswordSetting(t, {
    seed: {
      contracts: [{ contractId: 'many', loginMethod: 'password', certificateLimit: 300 }],
      users: users.map((loginId) => ({ loginId, contractId: 'many', role: 'general' })),
      ...{ certificates: [], revoked: [] },
    },
  })
  const client = await RawClient.connect(gateway, { door: 'public' })
  for (const loginId of users.slice(0, 256)) t.equal((await client.send(formLogin(loginId)).answer()).status, 200)
  t.equal((await client.send(formLogin('many0')).answer()).status, 200, 'one it has carried before')
  await client.send(formLogin('many256')).untilEnd()
  t.equal((await ask(gateway, formLogin('many256'))).status, 200, 'another connection takes it')
})
