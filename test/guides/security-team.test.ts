// Goal: every command of the guide for security teams does what the guide says. Method: two demos over one Redis; the blocks of the guide in one
// shell; what they printed below each heading.
import t from 'tap'
import { startRedisServer } from '../helpers/redis-server.ts'
import { startDemoGateway } from '../integration/browser/demo-gateway.ts'
import { readSource } from '../tidy/source-files.ts'
import { adminOf, blocksOf, runGuide } from './guide-commands.ts'

const path = 'config/guides/security-team.md'

/** What stands below each heading that has commands, in this order. */
const expected: Readonly<Record<string, readonly RegExp[]>> = {
  'For security teams': [],
  'A stolen laptop at 3 a.m.': [
    /Login ID +user02/,
    /No connection is open/,
    /user02 +would be revoked[\s\S]*Nothing was changed: add --apply/,
    /Revoked 1 certificate; 0 already revoked[\s\S]*Confirmed by 2 gateways, all there are/,
    /user02 403\nuser01 200\n/,
    /would refuse it: certificate_revoked[\s\S]*every door refuses it/,
    /audit\.log:.*"event":"certificate_revoked"/,
    /access\.log:.*certificate_revoked/,
    /Suspended the user user02[\s\S]*Reinstated the user user02/,
  ],
  'A program: the admin API': [
    /"outcome":"would be revoked"|"dryRun":true/,
    /"revoked":1[\s\S]*"complete":true/,
    /"comment":"case 12"/,
  ],
  'A script: plain SADD': [/OK\n[\s\S]*user04 200\n1\n.*NOPERM.*'srem'[\s\S]*user04 403\n$/],
  'A list from a file': [/Would revoke 2 certificates[\s\S]*Revoked 2 certificates[\s\S]*Confirmed by 2 gateways/],
  'Is it everywhere?': [
    /GATEWAY[\s\S]*live[\s\S]*live[\s\S]*The store is at version/,
    /keyCompromise +sato\.hanako +laptop stolen, ticket 4711/,
    /State +live[\s\S]*Rules +\d/,
  ],
  'A rule by time of issue': [
    /Would refuse what demo-issuing-ca issued from 2020-02-29T15:00:00\.000Z/,
    /Confirmed by 2 gateways/,
    /issuer:\w+:\d+-\d+ +issued by demo-issuing-ca/,
    /No longer refused by this rule: what demo-issuing-ca issued from 2020-02-29/,
  ],
  'Everything a CA issued, now': [
    /Confirmed by 2 gateways[\s\S]*user01 403\n[\s\S]*certificate_revoked[\s\S]*refused by the rule/,
    /No longer refused by this rule: what demo-issuing-ca issued from 1970-01-01[\s\S]*user01 200/,
  ],
  'Taking an issuer out': [
    /(Nothing has changed\.\nConfiguration +loaded \S+\n(?:Last reload .*\n)?Gateway +\w\S+\n){2}/,
  ],
  "The CA's list": [
    /Signature +\S.*valid[\s\S]*A gateway would take this list/,
    /Would revoke 0 certificates; \d+ already revoked/,
    /No CRL of another CA is configured/,
  ],
  'What others learn of it': [/user02\.pem: revoked/],
  'Taking a mistake back': [
    /would be restored[\s\S]*Nothing was changed[\s\S]*Restored 1 certificate; 0 refused[\s\S]*user03 200/,
  ],
  'The audit log': [
    /The log is whole[\s\S]*edited[\s\S]*found\n[\s\S]*\{"seq":\d+,"hash":"[0-9a-f]{64}"\}[\s\S]*The log is whole[\s\S]*unchanged up to the shipped record/,
  ],
  Questions: [
    /revoked +sato\.hanako .*laptop stolen, ticket 4711/,
    /"target":\{"kind":"certificate","name":"demo-issuing-ca /,
    /^\S+Z rule_published$/m,
    /^\S+Z certificate_revoked$/m,
    /^ +\d+ certificate_revoked$/m,
    /"event":"rule_withdrawn"/,
    /"event":"certificate_restored"/,
    /"event":"login_refused"/,
    /Outcome +refused \(certificate_revoked\)\n[\s\S]*User saw +“This certificate has been revoked”/,
    /^[0-9a-f]{64} +audit\.log\n[0-9a-f]{64} +audit\.log\.head\n/m,
    /would refuse it: certificate_revoked/,
  ],
  Operators: [/OU ?= ?helpdesk/, /admin_role_missing/, /"event":"operator_refused"/],
}

t.test('the guide works as it is written', { timeout: 110_000 }, async (t) => {
  const redis = await startRedisServer(t)
  process.env.SEKISHO_REDIS_URL = redis.url
  const demo = await startDemoGateway()
  t.teardown(() => demo.stop())
  const second = await startDemoGateway()
  t.teardown(() => second.stop())
  const { code, outputOf, whole } = await runGuide(path, demo, { REDIS: redis.url, SECOND: adminOf(second) })
  t.equal(code, 0, whole)
  for (const [heading, patterns] of Object.entries(expected)) {
    for (const pattern of patterns) t.match(outputOf(heading), pattern, heading)
  }
})

t.test('what each command prints is looked at here', async (t) => {
  for (const { heading } of blocksOf(readSource(path).text)) t.ok(heading in expected, heading)
})
