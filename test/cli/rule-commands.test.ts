// Goal: a CA incident is answered, looked at and taken back from the command line; gateways and their lag are shown; --wait names who has
// not confirmed. Method: the command line against a real door over a real store; other gateways are reports that the test writes.
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { GatewayError } from '../../src/base/errors.ts'
import { issuerA, issuerB, keyA1 } from '../store/contract.ts'
import { withCli } from './with-cli.ts'

// The fake lifecycle lives in 1970.
const span = ['--not-before-from', '1970-01-01T00:00:00Z', '--not-before-to', '1970-01-01T09:30:00+09:00']
const range = ['revoke', '--issuer', 'demo-issuing-ca', ...span]
const ruleId = `issuer:${issuerA}:0-1800000`

async function withOtherGateway(t: Test) {
  const cli = await withCli(t)
  const report = (name: string, version: number, state: 'live' | 'stale' = 'live') =>
    cli.store.reportGateway({
      ...{ gatewayId: `${name}.1`, name, programVersion: '0.1.0', state, dataAgeMs: 2_000 },
      position: { version, token: '' },
    })
  return { ...cli, report }
}

t.test('a span of time at a CA: dry run, refused, listed, taken back with a reason', async (t) => {
  const { run, index, audited } = await withCli(t)
  const covered = (issuerId: string) =>
    index.coveringRule({ issuerId, loginEntry: undefined, notBeforeMs: 1_800_000 }) > 0
  t.match(await run('rules'), { exitCode: 0, out: 'No rule is in force.\n' })
  const dry = await run(...range)
  t.match(dry, {
    exitCode: 0,
    out: /^Would refuse what demo-issuing-ca issued from 1970-01-01T00:00:00.000Z to 1970-01-01T00:30:00.000Z\. 0 certificates of this issuer[\s\S]*add --apply/,
  })
  t.notOk(covered(issuerA))
  const done = await run(...range, '--reason', 'cACompromise', '--comment', 'HSM\u001b[2J', '--apply')
  t.match(done, {
    exitCode: 0,
    out: new RegExp(`^Refused from now on: what demo-issuing-ca .*; 0 connections cut\\.\nRule ${ruleId}\n$`),
  })
  t.ok(covered(issuerA))
  t.notOk(covered(issuerB), 'another issuer’s stay')
  t.match(await run(...range, '--apply'), { exitCode: 0, out: /^Refused already/ })
  const list = await run('rules')
  t.match(list, { out: new RegExp(`${ruleId} +issued by demo-issuing-ca from 1970-.* +cACompromise +sato\\.hanako +`) })
  t.notOk(list.out.includes('\u001b'), 'a comment must not steer the terminal')
  t.match(await run('rules', '--issuer', 'second-ca'), { out: 'No rule is in force.\n' })
  t.match(JSON.parse((await run('rules', '--json')).out), { total: 1, rules: [{ ruleId, by: 'issuer' }] })

  t.match(await run('rules', 'withdraw', ruleId, '--reason', 'wrong CA'), {
    exitCode: 0,
    out: /^Would no longer refuse what demo-issuing-ca issued[\s\S]*stay revoked\.\nNothing was changed: add --apply/,
  })
  t.ok(covered(issuerA))
  const withdrawn = await run('rules', 'withdraw', ruleId, '--reason', 'wrong CA', '--apply')
  t.match(withdrawn, { exitCode: 0, out: /^No longer refused by this rule: what demo-issuing-ca issued/ })
  t.notOk(covered(issuerA))
  t.match(audited.at(-1), { event: 'rule_withdrawn', reason: 'wrong CA' })
  t.match(await run('rules', 'withdraw', ruleId, '--reason', 'x', '--apply'), {
    exitCode: 1,
    err: /among those in force/,
  })
})

t.test('spans that cannot be meant are refused with exit code 1', async (t) => {
  const { run, store } = await withCli(t)
  const tomorrow = new Date(systemClock.nowMs() + 86_400_000).toISOString()
  const cases: [string[], RegExp][] = [
    [
      ['--issuer', 'demo-issuing-ca', '--not-before-from', '1970-01-01', '--not-before-to', tomorrow],
      /ISO 8601 with an offset/,
    ],
    [
      ['--issuer', 'demo-issuing-ca', '--not-before-from', '1970-01-01T00:00:00Z', '--not-before-to', tomorrow],
      /at most a day from now/,
    ],
    [['--issuer', 'nobody', ...span], /demo-issuing-ca, second-ca/],
  ]
  for (const [args, message] of cases) {
    t.match(await run('revoke', ...args, '--apply'), { exitCode: 1, err: message }, args.join(' '))
  }
  t.strictSame(await store.rules(), [])
})

t.test('what a login ID had is listed as a rule', async (t) => {
  const { run } = await withCli(t)
  await run('revoke', '--login-id', 'user01', '--login-id', 'user02', '--apply')
  t.match(await run('rules', '--login-id', 'user01'), { out: /login:user01 +of user01 +\d{4}-.*Z +unspecified/ })
  t.match(await run('rules', '--limit', '1'), { out: /There are 2: raise --limit\.\n$/ })
})

t.test('waiting: all have confirmed, or exit code 1 with the names of those that have not', async (t) => {
  const { run, report, reports, isRevoked } = await withOtherGateway(t)
  reports.start()
  const command = ['revoke', '--serial', '1', '--issuer', 'demo-issuing-ca', '--apply', '--wait']
  t.match(await run(...command), {
    exitCode: 0,
    out: /Revoked 1 certificate[\s\S]*\nConfirmed by 1 gateway, all there are, after/,
  })
  await report('osaka-1', 0, 'stale')
  const late = await run(...command, '--wait-seconds', '1')
  t.match(late, {
    exitCode: 1,
    out: /osaka-1 +osaka-1\.1 +stale +0 +[\d.]+ s ago\nNot confirmed within 1\.\d s by 1 of 2 gateways\.\nThe revocation stands, and is applied there when they come back\.\n$/,
  })
  t.ok(isRevoked(keyA1))
  t.match(await run(...range, '--apply', '--wait', '--wait-seconds', '1'), { exitCode: 1, out: /osaka-1/ })
  const json = await run(...command, '--wait-seconds', '1', '--json')
  t.equal(json.exitCode, 1)
  t.match(JSON.parse(json.out), { alreadyRevoked: 1, confirmation: { complete: false } })
})

t.test('a store that cannot be asked who has it: the revocation stands, exit code 1', async (t) => {
  const { run, ports, isRevoked } = await withCli(t)
  const confirmed = async () => {
    throw new GatewayError('store_unavailable', 'Cannot reach the store')
  }
  Object.assign(ports, { publisher: { ...ports.publisher, confirmed } })
  t.match(await run('revoke', '--serial', '1', '--issuer', 'demo-issuing-ca', '--apply', '--wait'), {
    exitCode: 1,
    out: /Revoked 1 certificate[\s\S]*Nobody could be asked .*Cannot reach the store\.\nThe revocation stands/,
  })
  t.ok(isRevoked(keyA1))
})

t.test('gateways and status: version and lag of each; the status also without them', async (t) => {
  const { run, report, reports, store, ports } = await withOtherGateway(t)
  // What this one says of itself is the test's, too.
  await reports.stop()
  t.match(await run('gateways'), { exitCode: 0, out: /^No gateway has said anything/ })
  await run('revoke', '--serial', '1', '--issuer', 'demo-issuing-ca', '--apply')
  const { version } = await store.position()
  await report('osaka-1', version)
  await report('tokyo-1', version - 1)
  await store.reportGateway({
    ...{ gatewayId: reports.gatewayId, name: 'tokyo-2', programVersion: '0.1.0', state: 'live', dataAgeMs: null },
    position: { version, token: '' },
  })
  const table = new RegExp(
    [
      `osaka-1 +live +${version} +0 +2 s +[\\d.]+ s ago +no +0\\.1\\.0 +osaka-1\\.1`,
      `tokyo-1 +live +${version - 1} +1 +2 s +[\\d.]+ s ago +yes`,
      `tokyo-2 \\(this one\\) +live +${version} +0 +- +[\\d.]+ s ago +no`,
      `The store is at version ${version}\\.\n$`,
    ].join('[\\s\\S]*\n'),
  )
  t.match(await run('gateways'), { exitCode: 0, out: table })
  const status = await run('status')
  t.match(status, { exitCode: 0, out: table })
  t.match(status.out, /^State +live\n[\s\S]*Rules +0\n[\s\S]*Comparisons +\d+; .*; found 0 missing in the store/)
  t.match(JSON.parse((await run('status', '--json')).out), { state: 'live', gateways: [{ name: 'osaka-1' }, {}, {}] })
  ports.store.gateways = async () => {
    throw new GatewayError('store_unavailable', 'Cannot reach the store')
  }
  t.match(await run('status'), {
    exitCode: 0,
    out: /^State +live\n[\s\S]*Other gateways +unknown: Cannot reach the store/,
  })
  t.match(await run('gateways'), { exitCode: 1, err: /Cannot reach the store/ })
})
