// Goal: notices over the store that gateways really have: planned, sent, bounced and looked at once, by two processes' handles on one
// file (R10). Method: the embedded store with a clock that the test moves, mails into a folder.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startNotices } from '../../src/assemble-notices.ts'
import { systemClock } from '../../src/base/clock.ts'
import { readHistory } from '../../src/lifecycle/history.ts'
import { bouncedAddresses, listMails } from '../../src/lifecycle/notice-desk.ts'
import { foreseeNotices } from '../../src/lifecycle/notice-run.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { parseSample } from '../config/sample-config.ts'
import { eventually } from '../helpers/eventually.ts'
import { issuerId } from '../lifecycle/fake-notice-store.ts'

const notAfterMs = Date.parse('2030-12-24T23:59:59+09:00')
const silence = { info() {}, warn() {}, error() {} }
const metrics = { mailEnded() {}, mailsKept() {}, noticeRunEnded() {}, noticesAdded() {}, noticesLost() {} }

t.test('R10: two gateways on one embedded store write each mail once', async (t) => {
  const folder = t.testdir()
  const outbox = join(folder, 'outbox')
  let time = Date.parse('2030-11-24T09:00:00+09:00')
  const clock = { ...systemClock, nowMs: () => time }
  const stores = await Promise.all([1, 2].map(() => EmbeddedStore.open(join(folder, 'sekisho.db'), { clock })))
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  const [store] = stores
  if (store === undefined) return
  await store.upsertContract({ contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 })
  await store.upsertUser({ loginId: 'master01', contractId: 'shoji', role: 'master', email: 'master01@shoji.example' })
  for (let number = 1; number <= 9; number += 1) {
    const loginId = `user0${number}`
    const email = number === 9 ? 'no address' : `${loginId}@shoji.example`
    await store.upsertUser({ loginId, contractId: 'shoji', role: 'general', email, language: 'ja' })
    const key = certificateKey(issuerId, `a${number}`)
    await store.upsertCertificate({ key, loginId, notBeforeMs: 0, notAfterMs })
  }
  const delivery = { kind: 'folder', folder: outbox } as const
  const sample = parseSample().config
  const config = { ...sample, notices: { ...sample.notices, from: 'notice@bank.example', delivery } }
  const gateways = stores.map((one) =>
    startNotices({ config: () => config, store: one, audit() {}, log: silence, metrics, clock }),
  )
  t.teardown(() => Promise.all(gateways.map((gateway) => gateway.close())))
  const [first] = gateways
  if (first === undefined) return
  await eventually(
    () => store.mailCounts(),
    ({ sent, dead }) => sent === 8 && dead === 1,
  )
  t.equal(readdirSync(outbox).length, 8)
  for (const gateway of gateways) t.match(await gateway.runNow(), { state: 'done', due: 9, added: 0 })
  t.ok((await foreseeNotices('2030-11-24', first.ports)).every(({ alreadySent }) => alreadySent))
  t.equal((await foreseeNotices('2030-12-14', first.ports)).filter(({ alreadySent }) => alreadySent).length, 0)
  t.match(await bouncedAddresses(10, store), [{ loginId: 'user09', address: 'no address' }])
  t.match(await listMails({ state: 'dead', limit: 10 }, store), [{ loginId: 'user09', bounced: true, kind: 'expiry' }])
  const history = await readHistory('login:user09', 10, { store })
  t.match(history, [{ what: 'mail_bounced', detail: { address: 'no address' } }])

  first.noticeAct({ kind: 'revoked', loginId: 'user01', by: 'master01' })
  await eventually(
    () => store.mailCounts(),
    ({ sent }) => sent === 10,
  )
  t.equal(readdirSync(outbox).filter((name) => name.includes('-revoked-')).length, 2, 'to the user and the master')

  await store.useCertificate(certificateKey(issuerId, 'a1'))
  await store.publish(
    [{ key: certificateKey(issuerId, 'a2'), loginId: 'user02', reason: 'unspecified', comment: '' }],
    {
      name: 'master01',
      role: 'master',
      requestId: 'r-1',
    },
  )
  time = Date.parse('2030-12-14T09:00:00+09:00')
  t.match(await first.runNow(), { state: 'done', due: 8, added: 8 }, 'all but the revoked one')
  // Before the folder goes: mails are still being written into it.
  await Promise.all(gateways.map((gateway) => gateway.close()))
})
