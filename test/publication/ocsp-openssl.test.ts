// Goal: openssl as a relying party hears what the door would say, and verifies it up to the root. Method: `openssl ocsp` against the responder
// over HTTP, for each status and each way of asking.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { askWithOpenssl, OcspSetting, serve } from './ocsp-setting.ts'

type Test = { teardown: (end: () => void) => unknown }

async function start(t: Test, folder: string) {
  const setting = new OcspSetting(systemClock.nowMs())
  await setting.responder.start()
  t.teardown(() => setting.responder.close())
  const port = await serve(setting.responder, t)
  const ask = (certificatePem: string, job: Partial<Parameters<typeof askWithOpenssl>[1]> = {}) =>
    askWithOpenssl(setting, { port, folder, certificatePem, ...job })
  return { setting, ask }
}

t.test('good, revoked with time and reason, unknown; both hashes, with nonce and without', async (t) => {
  const { setting, ask } = await start(t, t.testdir({}))
  const [good, revoked] = ['user01', 'user02'].map((loginId) => setting.record(loginId))
  const unknown = setting.ca.issueClient({ commonName: 'user03' })
  const revokedAtMs = Date.UTC(2026, 0, 2, 3, 4, 5)
  setting.revoke(revoked?.serial ?? '', { revokedAtMs, reasonCode: 1 })
  for (const hash of ['-sha1', '-sha256'] as const) {
    for (const nonce of ['-nonce', '-no_nonce']) {
      const job = { hash, more: [nonce] }
      const first = await ask(good?.certificatePem ?? '', job)
      t.match(first.text, /user\.pem: good/, `${hash} ${nonce}`)
      t.match(first.text, /Response verify OK/)
      if (nonce === '-nonce') t.notMatch(first.text, /WARNING: no nonce|Nonce Verify error/)
      const second = await ask(revoked?.certificatePem ?? '', job)
      t.match(second.text, /user\.pem: revoked/)
      t.match(second.text, /Reason: keyCompromise\n\s*Revocation Time: Jan {2}2 03:04:05 2026 GMT/)
      t.match((await ask(unknown.certificatePem, job)).text, /user\.pem: unknown/)
    }
  }
})

t.test('a certificate of another CA of the same name: unauthorized; ours are still answered', async (t) => {
  const { setting, ask } = await start(t, t.testdir({}))
  const other = createTestCa({ commonName: setting.ca.commonName })
  const stranger = other.issueClient({ commonName: 'user01' })
  const refused = await ask(stranger.certificatePem, { issuerPem: other.certificatePem })
  t.match(refused.text, /Responder Error: unauthorized \(6\)/)
  t.match((await ask(setting.record('user01').certificatePem)).text, /user\.pem: good/)
})

t.test('several certificates in one request', async (t) => {
  const { setting, ask } = await start(t, t.testdir({}))
  const [first, second] = ['user01', 'user02'].map((loginId) => setting.record(loginId))
  setting.revoke(second?.serial ?? '')
  const serials = [first, second].map((one) => `0x${one?.serial}`)
  const more = ['-no_nonce', ...serials.flatMap((serial) => ['-serial', serial])]
  const { text } = await ask(first?.certificatePem ?? '', { more })
  t.match(text, new RegExp(`${serials[0]}: good`))
  t.match(text, new RegExp(`${serials[1]}: revoked`))
  t.match(text, /Response verify OK/)
})

t.test('cached good, revoked without any message, restored; stale', async (t) => {
  const { setting, ask } = await start(t, t.testdir({}))
  const { certificatePem, serial } = setting.record('user01')
  const say = async () => (await ask(certificatePem, { more: ['-no_nonce'] })).text
  t.match(await say(), /user\.pem: good/)
  t.match(await say(), /user\.pem: good/)
  setting.revoke(serial)
  t.match(await say(), /user\.pem: revoked/)
  setting.restore(serial)
  t.match(await say(), /user\.pem: good/)
  setting.clock.elapsedMs += 301_000
  t.match(await say(), /Responder Error: trylater \(3\)/)
  setting.freshness.heard()
  t.match(await say(), /user\.pem: good/)
})

t.test('without the root nothing verifies', async (t) => {
  const { setting, ask } = await start(t, t.testdir({}))
  const { certificatePem } = setting.record('user01')
  const other = createTestCa({ commonName: 'Another Root' })
  Object.defineProperty(setting, 'root', { value: other })
  const { text, code } = await ask(certificatePem)
  t.match(text, /Response Verify Failure/)
  t.not(code, 0)
})
