// Goal: a file of what is to be revoked is pushed whole, in every format, from standard input too; wrong lines are told by their
// number; and whatever interrupts it, the same command goes on. Method: the command line against a real door over a real store.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { makeKeys } from '../helpers/test-ca.ts'
import { signingCa } from '../lifecycle/fake-lifecycle.ts'
import { issuerA, issuerB, keyA1, keyB1 } from '../store/contract.ts'
import { withCli } from './with-cli.ts'

const count = 2_500
const keyOf = (serial: number) => certificateKey(issuerA, serial.toString(16))
const serials = Array.from({ length: count }, (_, at) => (at + 1).toString(16))
const list = `# lost\n\n${serials.join('\n')}\n`
const byIssuer = ['--issuer', 'demo-issuing-ca']

type Publish = LifecyclePorts['publisher']['publish']

/** Lets the test stand between the door and the publisher. */
function intercept({ ports, publisher }: { ports: LifecyclePorts; publisher: LifecyclePorts['publisher'] }) {
  const sizes: number[] = []
  let before: (call: number) => unknown = () => undefined
  const publish: Publish = async (requests, actor) => {
    sizes.push(requests.length)
    await before(sizes.length)
    return await publisher.publish(requests, actor)
  }
  Object.assign(ports, { publisher: { ...publisher, publish } })
  const beforeEach = (act: typeof before) => {
    sizes.length = 0
    before = act
  }
  return { sizes, beforeEach }
}

function failFrom(call: number) {
  return (current: number) => {
    if (current >= call) throw new GatewayError('store_unavailable', 'Cannot reach the store')
  }
}

async function withFile(t: Test, text: string | Buffer, name = 'lost') {
  const cli = await withCli(t, { files: { [name]: text } })
  const file = join(cli.folder, name)
  return { ...cli, file, note: `${file}.sekisho-progress` }
}

t.test('a list of serial numbers: a dry run first, then all of it, once', async (t) => {
  const { run, file, note, isRevoked, store } = await withFile(t, list)
  const before = await store.position()
  const dry = await run('revoke', '--from', file, ...byIssuer)
  t.match(dry, {
    exitCode: 0,
    out: /^Would revoke 2500 certificates; 0 already revoked \(.*\/s\)\.\nNothing was changed: add --apply/,
  })
  t.strictSame(await store.position(), before)
  const done = await run(
    'revoke',
    '--from',
    file,
    ...byIssuer,
    '--apply',
    '--reason',
    'keyCompromise',
    '--comment',
    'x',
  )
  t.match(done, { exitCode: 0, out: /^Revoked 2500 certificates; 0 already revoked; 0 connections cut \(/, err: '' })
  t.ok(isRevoked(keyOf(1)) && isRevoked(keyOf(count)))
  t.notOk(isRevoked(keyOf(count + 1)) || isRevoked(keyB1))
  t.match(await store.revocation(keyA1), { revocation: { reason: 'keyCompromise', comment: 'x' } })
  t.notOk(existsSync(note), 'nothing is left beside the file')
  t.match(await run('revoke', '--from', file, ...byIssuer, '--apply'), { out: /^Revoked 0 certificates; 2500 already/ })
})

t.test('CSV with serial numbers and login IDs, reasons and comments of their own', async (t) => {
  const rows = serials.map((serial, at) => `second-ca,${serial},,${at === 0 ? 'superseded,"a, ""b"""' : ','}`)
  const { run, file, isRevoked, store } = await withFile(
    t,
    `issuer,serial,loginId,reason,comment\r\n${rows.join('\r\n')}\r\n,,user01,,\r\n`,
  )
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 5_000 })
  const done = await run('revoke', '--from', file, '--apply', '--reason', 'keyCompromise')
  t.match(done, { exitCode: 0, out: /^Revoked 2501 certificates; 0 already revoked; 1 login ID covered by a rule; / })
  t.ok(isRevoked(keyB1) && isRevoked(certificateKey(issuerB, count.toString(16))) && isRevoked(keyA1))
  t.match(await store.revocation(keyB1), { revocation: { reason: 'superseded', comment: 'a, "b"' } })
  t.match(await store.rules(), [{ ruleId: 'login:user01', reason: 'keyCompromise' }])
})

t.test('NDJSON', async (t) => {
  const entries = serials.map((serial) => JSON.stringify({ issuer: issuerA, serial, reason: 'superseded' }))
  const { run, file, isRevoked, store } = await withFile(t, entries.join('\n'))
  t.match(await run('revoke', '--from', file, '--apply'), { exitCode: 0, out: /^Revoked 2500 certificates/ })
  t.ok(isRevoked(keyOf(count)))
  t.match(await store.revocation(keyA1), { revocation: { reason: 'superseded' } })
  const usage = await run('revoke', '--from', file, ...byIssuer)
  t.match(usage, { exitCode: 2, err: /--issuer goes with serial numbers and CSV, and this is ndjson/ })
})

t.test('certificates in PEM, by whose signature they bear', async (t) => {
  const keys = makeKeys('p256')
  const certificates = Array.from({ length: 2_000 }, (_, at) =>
    signingCa.issueClient({ commonName: `user${at}`, ...keys, serial: (at + 1).toString(16) }),
  )
  const { run, file, isRevoked } = await withFile(
    t,
    certificates.map(({ certificatePem }) => certificatePem).join('\n'),
  )
  t.match(await run('revoke', '--from', file, '--apply'), { exitCode: 0, out: /^Revoked 2000 certificates/ })
  t.ok(isRevoked(certificateKey(signingCa.issuerId, '1')))
  t.ok(isRevoked(certificateKey(signingCa.issuerId, (2_000).toString(16))))
  t.notOk(isRevoked(keyA1))
})

t.test(
  'a wrong line ends it with its number, or is left out; where the file was corrected it begins anew',
  async (t) => {
    const text = list.replace(`\n${(1_500).toString(16)}\n`, '\n-5dc\n')
    const { run, file, note, isRevoked, ...cli } = await withFile(t, text)
    const { sizes } = intercept(cli)
    const command = ['revoke', '--from', file, ...byIssuer, '--apply']
    const stopped = await run(...command)
    t.match(stopped, {
      exitCode: 1,
      out: /^Revoked 1000 certificates; 0 already revoked; 1 wrong entry; /,
      err: /^Line 1502, serial: .*negative.*"-5dc"\nStopped at line 1502: correct it, or give --skip-invalid\.\nDone up to line 1002, and that stays\. To go on: run the same command again\.\n$/,
    })
    t.notOk(isRevoked(keyOf(1_001)))
    t.strictSame(sizes, [1_000])
    const rest = await run(...command, '--skip-invalid')
    t.match(rest, {
      exitCode: 0,
      out: /^Revoked 2499 certificates; 0 already revoked; 2 wrong entries/,
      err: /^Going on after line 1002 of .*lost \(--restart begins anew\)\.\nLine 1502, serial: /,
    })
    t.strictSame(sizes, [1_000, 999, 500], 'what was done before is not sent again')
    t.notOk(existsSync(note))
    await run(...command)
    writeFileSync(file, text.replace('-5dc', '05dc'))
    const done = await run(...command)
    t.match(done, {
      exitCode: 0,
      out: /^Revoked 1 certificate; 2499 already/,
      err: /the file has changed: beginning anew/,
    })
    t.ok(isRevoked(keyOf(1_500)))

    writeFileSync(file, `x\n${list}y\n`)
    const skipped = await run(...command, '--skip-invalid')
    t.match(skipped, {
      exitCode: 0,
      out: /^Revoked 0 certificates; 2500 already revoked; 2 wrong entries/,
      err: /Line 1, serial: .*\nLine 2504, serial: /,
    })
    writeFileSync(file, 'x\n'.repeat(30))
    const hopeless = await run(...command, '--skip-invalid')
    t.match(hopeless, {
      exitCode: 1,
      out: /30 wrong entries/,
      err: /Line 20, .*\nMore wrong entries follow; they are counted\.\n$/,
    })
  },
)

t.test('records of CSV that are none end it as well, after what stands before them', async (t) => {
  const text = 'issuer,serial\ndemo-issuing-ca,1\ndemo-issuing-ca\nsecond-ca,1\n'
  const { run, file, isRevoked } = await withFile(t, text)
  t.match(await run('revoke', '--from', file, '--apply'), {
    exitCode: 1,
    out: /^Revoked 1 certificate; .*1 wrong entry/,
    err: /Line 3: It has 1 fields where the header has 2\nStopped at line 3: [\s\S]*Done up to line 2,/,
  })
  t.notOk(isRevoked(keyB1))
  t.match(await run('revoke', '--from', file, '--apply', '--skip-invalid'), {
    exitCode: 0,
    out: /^Revoked 2 certificates/,
  })
  t.ok(isRevoked(keyB1))
})

t.test(
  'a store that fails in the middle: what was done is kept, and the same command goes on from there',
  async (t) => {
    const { run, file, note, isRevoked, ...cli } = await withFile(t, list)
    const { sizes, beforeEach } = intercept(cli)
    beforeEach(failFrom(2))
    const command = ['revoke', '--from', file, ...byIssuer, '--apply']
    const failed = await run(...command)
    t.match(failed, {
      exitCode: 1,
      out: /^Revoked 1000 certificates/,
      err: /Cannot reach the store \(request .*\)\nDone up to line 1002, and that stays\. To go on: run the same command again\./,
    })
    t.match(JSON.parse(readFileSync(note, 'utf8')), { totals: { line: 1_002, revoked: 1_000 } })
    beforeEach(() => {})
    const json = await run(...command, '--json')
    t.match(JSON.parse(json.out), {
      done: true,
      dryRun: false,
      format: 'serials',
      line: 2_502,
      revoked: 2_500,
      rejected: [],
    })
    t.strictSame(sizes, [1_000, 500])
    t.ok(isRevoked(keyOf(count)))

    beforeEach(failFrom(2))
    await run(...command)
    beforeEach(() => {})
    t.match(await run(...command, '--restart'), { exitCode: 0, out: /; 2500 already revoked/, err: '' })
    t.strictSame(sizes, [1_000, 1_000, 500])
    beforeEach(failFrom(2))
    await run(...command)
    beforeEach(() => {})
    writeFileSync(file, `# another file\n${list}`)
    t.match(await run(...command), { exitCode: 0, err: /is of another push, or the file has changed/ })
    t.strictSame(sizes, [1_000, 1_000, 500])
  },
)

t.test('standard input: whole, and on from a line after an interruption', async (t) => {
  const { runWith, isRevoked, ...cli } = await withCli(t)
  const { sizes, beforeEach } = intercept(cli)
  const command = ['revoke', '--from', '-', ...byIssuer, '--apply']
  beforeEach(failFrom(2))
  const failed = await runWith({ input: list }, ...command)
  t.match(failed, { exitCode: 1, err: /Done up to line 1002, .*give the same input with --skip-lines 1002\.\n$/ })
  beforeEach(() => {})
  const rest = await runWith({ input: list }, ...command, '--skip-lines', '1002')
  t.match(rest, { exitCode: 0, out: /^Revoked 1500 certificates; 0 already/ })
  t.strictSame(sizes, [1_000, 500])
  t.ok(isRevoked(keyOf(count)))
  t.match(await runWith({ input: '' }, ...command), { exitCode: 0, out: /^Revoked 0 certificates/ })
})

t.test('standard input that stays open: each entry is done as it comes, and a wrong one is the end', async (t) => {
  const { runWith, isRevoked, audited } = await withCli(t, { timeouts: { pauseMs: 100 } })
  const input = new PassThrough()
  const ended = runWith({ input }, 'revoke', '--from', '-', ...byIssuer, '--apply')
  const revoked = () =>
    new Promise<void>(
      (resolve) =>
        (audited.push = (...events) => {
          resolve()
          return Array.prototype.push.apply(audited, events)
        }),
    )
  for (const serial of [1, 2]) {
    const done = revoked()
    input.write(`${serial.toString(16)}\n`)
    await done
    t.ok(isRevoked(keyOf(serial)))
  }
  input.write('zz\n')
  t.match(await ended, { exitCode: 1, err: /Stopped at line 3/ })
  t.ok(input.destroyed)
})

t.test('waiting: confirmed by every gateway, or exit code 1 and the names of those that have not', async (t) => {
  const { run, file, store, reports } = await withFile(t, list)
  const command = ['revoke', '--from', file, ...byIssuer, '--apply', '--wait']
  reports.start()
  t.match(await run(...command), { exitCode: 0, out: /\nConfirmed by 1 gateway, all there are, after \d+\.\d s\.\n$/ })
  await store.reportGateway({
    ...{ gatewayId: 'tokyo-2.7', name: 'tokyo-2', programVersion: '0.1.0', state: 'stale', dataAgeMs: 0 },
    position: { version: 1, token: '' },
  })
  t.match(await run(...command, '--wait-seconds', '1'), {
    exitCode: 1,
    out: /tokyo-2 +tokyo-2\.7 +stale +1 +\d+\.\d s ago\nNot confirmed within 1\.\d s by 1 of 2 gateways\.\nThe revocation stands, and is applied there when they come back\.\n$/,
  })
})

t.test('on a terminal the bar is taken away before anything else is written', async (t) => {
  const { runWith, file, ...cli } = await withFile(t, `${list}x\n`)
  const { beforeEach } = intercept(cli)
  // So that the bar is due at the second batch.
  beforeEach(() => new Promise((resolve) => setTimeout(resolve, 120)))
  const written: string[] = []
  const wrote = (text: string) => void written.push(text)
  const options = { columns: 80, wrote }
  const done = await runWith(options, 'revoke', '--from', file, ...byIssuer, '--apply', '--skip-invalid')
  t.equal(done.exitCode, 0)
  const bar = written.findIndex((text) => /^\r\[#*\.*\] \d+ %, [\d,]+ entries, [\d,]+\/s/.test(text))
  t.ok(bar >= 0, JSON.stringify(written))
  const wrong = written.findIndex((text) => text.startsWith('Line 2503'))
  t.match(written[wrong - 1], /^\r +\r$/)
})

t.test('files and answers that cannot be used are explained', async (t) => {
  const { run, runWith, folder, file, note, access } = await withFile(t, list)
  t.match(await run('revoke', '--from', join(folder, 'none'), ...byIssuer), {
    exitCode: 1,
    err: /there is no such file/,
  })
  t.match(await run('revoke', '--from', folder, ...byIssuer), { exitCode: 1, err: /Cannot read .*not a file/ })
  t.match(await run('revoke', '--from', file), { exitCode: 2, err: /needs --issuer NAME/ })
  t.match(await run('revoke', '--from', file, '--format', 'csv', '--apply'), {
    exitCode: 1,
    err: /header of a CSV file/,
  })
  t.match(await run('revoke', '--from', file, '--issuer', 'nobody', '--apply'), { exitCode: 1, err: /demo-issuing-ca/ })
  const unreachable = access.map((part, at) => (at === 1 ? 'https://127.0.0.1:1' : part))
  t.match(await runWith({}, ...unreachable, 'revoke', '--from', file, ...byIssuer, '--apply'), {
    exitCode: 1,
    err: /nothing listens there/,
  })
  t.notOk(existsSync(note), 'nothing was done, so nothing is noted')
})

t.test('an operator of another role is refused', async (t) => {
  const { run, folder, isRevoked } = await withCli(t, { role: 'branch', files: { lost: list } })
  const refused = await run('revoke', '--from', join(folder, 'lost'), ...byIssuer, '--apply', '--json')
  t.match(refused, { exitCode: 1, err: /takes the role security: current value is branch/ })
  t.match(JSON.parse(refused.out), { done: false, revoked: 0, problem: { code: 'admin_role_missing' } })
  t.notOk(isRevoked(keyA1))
})
