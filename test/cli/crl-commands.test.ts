// Goal: operators see the lists of other CAs, have them looked at, and hand one in, first without doing anything. Method: the command line
// against a real admin door whose desk reads the files it is given with openssl.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { relativeTime } from '../../src/cli/relative-time.ts'
import { FakeCrlDesk } from '../admin/fake-crl-desk.ts'
import type { operators } from '../admin/with-admin.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { crlOf } from '../helpers/test-crl.ts'
import { withCli } from './with-cli.ts'

const nowMs = Date.now()
const ca = createTestCa({ commonName: 'other' })
const list = Buffer.from(crlOf(ca, nowMs, { number: 7, serials: ['1a', '2b'] }))
const expired = Buffer.from(crlOf(ca, nowMs - 30 * 86_400_000, { number: 6, serials: ['1a'] }))
const byIssuer = ['--issuer', 'signing-ca']

async function withDesk(t: Test, options: { role?: keyof typeof operators; bytesMax?: number } = {}) {
  const { role = 'security', bytesMax = 1_048_576 } = options
  const desk = new FakeCrlDesk('signing-ca')
  const uploads = mkdtempSync(join(tmpdir(), 'sekisho-crl-'))
  t.teardown(() => rmSync(uploads, { recursive: true, force: true }))
  const large = Buffer.alloc(40_000_000, 0x30)
  const cli = await withCli(t, {
    ...{ role, crls: desk, crlUploads: { folder: uploads, bytesMax: () => bytesMax } },
    files: { 'ca.crl': list, 'old.crl': expired, large, empty: '' },
  })
  return { ...cli, desk, uploads, file: (name: string) => join(cli.folder, name) }
}

t.test('import: says what it would do, then does it, and what an operator should know', async (t) => {
  const { run, desk, file, uploads } = await withDesk(t)
  const dry = await run('crl', 'import', file('ca.crl'), ...byIssuer)
  t.match(dry, {
    exitCode: 0,
    err: '',
    out: /^CRL 7 of signing-ca: 2 entries, of 20.*Z, next update 20.*Z\.\nWould revoke 2 certificates; 0 already revoked\.\nNothing was changed: add --apply to do it\.\n$/,
  })
  t.match(desk.imports[0], { request: { dryRun: true, issuer: 'signing-ca' } })
  t.match(await run('crl', 'import', file('ca.crl'), ...byIssuer, '--apply'), {
    exitCode: 0,
    out: /\nRevoked 2 certificates; 0 already revoked; 0 connections cut\.\n$/,
  })
  const old = await run('crl', 'import', file('old.crl'), ...byIssuer, '--apply', '--json')
  t.match(JSON.parse(old.out), { dryRun: false, number: '6', revoked: 0, alreadyRevoked: 1, entries: 1 })
  t.match(await run('crl', 'import', file('old.crl'), ...byIssuer), { out: /\nWarning: its nextUpdate is past\nWould/ })
  t.strictSame(desk.imports[1]?.bytes, list, 'the file comes as it is')
  t.same(readdirSync(uploads), [])
})

t.test('import: what cannot be sent, and what the door refuses, is explained', async (t) => {
  const { run, desk, file, folder } = await withDesk(t)
  t.match(await run('crl', 'import', file('none'), ...byIssuer), { exitCode: 1, err: /there is no such file/ })
  t.match(await run('crl', 'import', folder, ...byIssuer), { exitCode: 1, err: /it is not a file/ })
  t.match(await run('crl', 'import', file('empty'), ...byIssuer), { exitCode: 1, err: /it is empty/ })
  t.match(await run('crl', 'import', file('ca.crl')), { exitCode: 2, err: /--issuer/ })
  t.match(await run('crl', 'import', file('ca.crl'), '--issuer', 'nobody'), { exitCode: 1, err: /signing-ca.*nobody/ })
  t.match(await run('crl', 'import', file('me.pem'), ...byIssuer), { exitCode: 1, err: /Cannot read the CRL/ })
  desk.failure = new GatewayError('crl_refused', 'Cannot take the CRL as its signature is wrong')
  const refused = await run('crl', 'import', file('ca.crl'), ...byIssuer, '--apply', '--json')
  t.match(refused, { exitCode: 1, err: /signature is wrong \(request / })
  t.match(JSON.parse(refused.out), { code: 'crl_refused', status: 409 })
})

t.test('import: a file beyond the bound is not sent to its end, and the door says why', async (t) => {
  const { run, desk, file } = await withDesk(t)
  t.match(await run('crl', 'import', file('large'), ...byIssuer), {
    exitCode: 1,
    err: /^Cannot take a body above 1048576 bytes \(request /,
  })
  t.same(desk.imports, [])
})

t.test('import: a large file within the bound arrives whole', async (t) => {
  const { run, desk, file } = await withDesk(t, { bytesMax: 50_000_000 })
  desk.failure = new GatewayError('crl_unreadable', 'Cannot read the CRL: it is none')
  t.match(await run('crl', 'import', file('large'), ...byIssuer), { exitCode: 1, err: /Cannot read the CRL/ })
  t.equal(desk.imports[0]?.bytes.length, 40_000_000)
})

t.test('status: a table for people, JSON for programs', async (t) => {
  const { run, desk } = await withDesk(t)
  t.match(await run('crl', 'status'), { exitCode: 0, out: /\nsigning-ca +crl +- +- +- +- +- +- +-\n$/ })
  desk.found = {
    ...{ place: '/srv/ca\u001b[2J.crl', number: '12', entries: 3, thisUpdateMs: nowMs - 7_300_000 },
    ...{
      nextUpdateMs: nowMs + 200_000_000,
      lookedAtMs: nowMs - 90_000,
      result: 'rolled_back',
      fault: 'its number is 11',
    },
  }
  await desk.lookNow()
  const { exitCode, out } = await run('crl', 'status')
  t.equal(exitCode, 0)
  const row = /signing-ca +crl +12 +3 +2 hours ago +in 2 days +1 minute ago +rolled back +\/srv\/ca\?\[2J\.crl\n/
  t.match(out, new RegExp(`^ISSUER .*\\n${row.source}signing-ca/crl: its number is 11\\n$`))
  t.match(JSON.parse((await run('crl', 'status', '--json')).out), { crls: [{ number: '12', result: 'rolled_back' }] })
})

t.test('look: exit code 1 unless every look ended well', async (t) => {
  const { run, desk } = await withDesk(t)
  desk.found = { result: 'applied', number: '1', entries: 2 }
  t.match(await run('crl', 'look'), { exitCode: 0, out: /signing-ca +crl +1 +2 .* applied/ })
  desk.found = { result: 'unreachable', fault: 'Cannot reach it' }
  t.match(await run('crl', 'look', ...byIssuer), { exitCode: 1, out: /unreachable[\s\S]*crl: Cannot reach it\n$/ })
  t.same(desk.looks, [undefined, 'signing-ca'])
  t.match(await run('crl', 'look', '--issuer', 'second-ca'), { exitCode: 0, out: /No CRL of another CA/ })
})

t.test('an operator of another role may see, and no more', async (t) => {
  const { run, desk, file } = await withDesk(t, { role: 'auditor' })
  t.match(await run('crl', 'status'), { exitCode: 0 })
  const refused = { exitCode: 1, err: /takes the role security: current value is auditor/ }
  t.match(await run('crl', 'look'), refused)
  t.match(await run('crl', 'import', file('ca.crl'), ...byIssuer), refused)
  t.same([desk.looks, desk.imports], [[], []])
})

t.test('how far away a time is, in one unit', async (t) => {
  const cases = [
    [0, 'now'],
    [-999, 'now'],
    [-1_000, '1 second ago'],
    [59_999, 'in 59 seconds'],
    [3_599_999, 'in 59 minutes'],
    [-3_600_000, '1 hour ago'],
    [86_400_000, 'in 1 day'],
    [-400 * 86_400_000, '400 days ago'],
  ] as const
  for (const [distanceMs, text] of cases) t.equal(relativeTime(nowMs + distanceMs, nowMs), text)
})
