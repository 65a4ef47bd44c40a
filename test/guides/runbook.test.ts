// Goal: whoever is paged at night can type what the runbook says. Method: each of its commands, with the placeholders filled in, against a demo
// over a real Redis; what belongs to the machine is listed, and compared with the help of systemd's programs.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { demoConfigText } from '../../src/demo/demo-config.ts'
import { demoFiles } from '../../src/demo/demo-files.ts'
import { startRedisServer } from '../helpers/redis-server.ts'
import { readSource, root } from '../tidy/source-files.ts'
import { commandsIn } from './document-commands.ts'
import { createReader, type Ran, type Reader } from './readme-world.ts'

const runbook = readSource('config/prometheus/runbook.md').text
const access = '--admin https://HOST:9443 --cert me.pem --key me.key --ca ca.pem'

/** As it stands in the runbook, what it prints, and where it is not 0 its exit code. In an order in which each finds what it needs. */
const expected: readonly (readonly [command: string, printed: RegExp, code?: number])[] = [
  ['sekisho status', /State +live/],
  ['sekisho gateways', /demo-\d+ \(this one\) +live[\s\S]*The store is at version \d/],
  ['curl -s http://127.0.0.1:9464/readyz?verbose', /^(?:\S.*\n){3,}/],
  ['curl -k https://HOST/', /<h1>/],
  ['openssl s_client -connect HOST:443 -servername NAME', /-----BEGIN CERTIFICATE-----[\s\S]*Verif/],
  ['openssl x509 -enddate -noout -in FILE', /^notAfter=/],
  ['sekisho config check FILE', /can be used; 0 warnings/],
  ['sekisho inspect user.pem', /Login ID +user01[\s\S]*certificate would /],
  ['sekisho list --limit 20', /user06/],
  ['sekisho list --limit 50', /user06/],
  ['sekisho list', /user06/],
  ['sekisho issuers', /\{sekisho\}:revoked:\w{32}/],
  ['sekisho reload', /Nothing has changed/],
  ['sekisho revoke --serial HEX --issuer CA', /Would revoke 1 certificate/],
  ['sekisho revoke --from FILE', /Would revoke 1 certificate/],
  ['sekisho restore --help', /^Usage: sekisho restore /],
  ['sekisho restore --login-id ID --reason TEXT --apply', /Restored 1 certificate/],
  ['sekisho rules', /^issuer:\w+:\d+-\d+ /m],
  ['sekisho rules withdraw RULE --reason TEXT --apply', /No longer refused by this rule/],
  ['sekisho ca rotate --help', /^Usage: sekisho ca rotate /],
  ['curl -o our.crl https://HOST/pki/CA.crl', /^\s*200\n$/],
  ['sekisho crl inspect our.crl', /Entries +\d/],
  ['sekisho crl inspect FILE', /Entries +\d/],
  ['sekisho crl import FILE --issuer CA', /Would revoke 0 certificates; \d+ already revoked/],
  ['sekisho crl status', /No CRL of another CA is configured/],
  ['sekisho crl look', /CRL/],
  ['sekisho audit verify FILE', /The log is whole/],
  ['sekisho notices list --state waiting', /mail/i],
  ['sekisho notices list --state dead', /mail/i],
  ['sekisho notices revive MAIL --apply', /Cannot find a mail that was given up/, 1],
  ['sekisho notices bounced', /address|user/i],
  ['redis-cli -u URL PING', /^PONG\n$/],
  ['redis-cli --latency', /^\d+ \d+ /],
  ['redis-cli ACL LOG', /^\s*$/],
]

/** Named by a word or two where the sentence says the rest; run here with it. */
const shortened: Readonly<Record<string, string>> = {
  'sekisho notices --dry-run': 'sekisho notices --dry-run --date 2027-10-20',
  'sekisho revoke': 'sekisho revoke --login-id user05',
  'sekisho restore': 'sekisho restore --login-id user06 --reason test',
  'sekisho revoke … --wait': 'sekisho revoke --login-id user02 --apply --wait',
  'curl -v': 'curl -v -k https://HOST/',
}

/** Of the machine, or of its service manager: nothing that a test may do to whom it runs on. */
const ofTheMachine = [
  ...['journalctl -u sekisho --since -15min', 'systemctl status sekisho', 'systemctl restart sekisho'],
  ...['systemctl kill --kill-whom=main -s USR2 sekisho', 'timedatectl', 'dmesg', 'df -h', 'df -i', 'iostat'],
]

t.test('each command of the runbook has its place here', async (t) => {
  const here = [...expected.map(([command]) => command), ...Object.keys(shortened), ...ofTheMachine]
  t.same(
    commandsIn(runbook).filter((command) => !here.includes(command) && !/--dry-run --date /.test(command)),
    [],
    'run it here, or say why not',
  )
  t.ok(runbook.includes(`\`${access}\``))
})

t.test('what is of the machine has the options it is given, and our unit the name', async (t) => {
  t.ok(existsSync(join(root, 'config/systemd/sekisho.service')))
  for (const command of ofTheMachine.filter((text) => / /.test(text) && !text.startsWith('df'))) {
    const [program = '', ...words] = command.split(' ')
    const help = execFileSync(program, ['--help'], { encoding: 'utf8' })
    for (const word of words) {
      const [name = ''] = word.split('=')
      if (name.startsWith('--') || /^-[a-z]$/.test(name)) t.ok(help.includes(name), `${command}: ${name}`)
    }
    if (program === 'systemctl') t.match(help, new RegExp(`^ +${words[0]} `, 'm'), command)
    t.match(command, /\bsekisho\b/)
  }
})

const redis = await startRedisServer(t)
const reader = await createReader({ redisPort: redis.port })
t.teardown(() => reader.remove())

/** What the reader has at hand: files by the command that names one, and values for the words in capitals. */
async function layOut({ clone, offset }: Reader): Promise<(command: string) => string> {
  const demo = join(clone, 'certs', 'demo')
  for (const [from, to] of [
    ['users/user01.pem', 'user.pem'],
    ['operators/security.pem', 'me.pem'],
    ['operators/security.key', 'me.key'],
    ['root-ca.pem', 'ca.pem'],
  ] as const)
    copyFileSync(join(demo, from), join(clone, to))
  const serial = (await reader.run('openssl x509 -in certs/demo/users/user02.pem -noout -serial')).output
    .trim()
    .slice(7)
  writeFileSync(join(clone, 'gateway.yaml'), demoConfigText({ files: demoFiles(demo), folder: clone, offset }))
  const span = '--not-before-from 2020-03-01T00:00:00+09:00 --not-before-to 2020-03-01T12:00:00+09:00'
  const rule = await reader.run(`sekisho revoke --issuer demo-issuing-ca ${span} --apply && sekisho rules`)
  const files: readonly (readonly [RegExp, string])[] = [
    [/^openssl x509/, 'certs/demo/server.pem'],
    [/config check/, 'gateway.yaml'],
    [/revoke --from/, 'certs/demo/users/user04.pem'],
    [/^sekisho crl/, 'our.crl'],
    [/audit verify/, 'data/audit.log'],
  ]
  const values: Readonly<Record<string, string>> = {
    'HOST:443': 'localhost:8443',
    'HOST:9443': 'localhost:9443',
    'HOST/pki': 'localhost:8442/pki',
    HOST: 'localhost:8443',
    NAME: 'localhost',
    HEX: serial,
    CA: 'demo-issuing-ca',
    ID: 'user03',
    TEXT: 'test',
    RULE: /^issuer:\S+/m.exec(rule.output)?.[0] ?? '',
    MAIL: '1-0',
    URL: redis.url,
  }
  const word = new RegExp(`(?<![\\w.-])(?:${Object.keys(values).join('|')}|FILE)\\b`, 'g')
  return (command) =>
    command.replaceAll(word, (name) => values[name] ?? files.find(([of]) => of.test(command))?.[1] ?? name)
}

function looksRight(
  t: Test,
  command: string,
  { code, output }: Ran,
  [printed, wanted]: readonly [RegExp, number],
): void {
  t.equal(code, wanted, `${command}: ${code === wanted ? 'runs' : output}`)
  t.match(output, printed, command)
}

t.test('each command of the runbook, against a demo', { timeout: 110_000 }, async (t) => {
  const demo = reader.open('SEKISHO_REDIS_URL=redis://127.0.0.1:6379 npm start')
  await reader.ready(reader.offset)
  const fill = await layOut(reader)
  t.match((await reader.run('sekisho revoke --login-id user03 --apply')).output, /Revoked 1/)
  const run = (command: string) => reader.run(`export CURL_CA_BUNDLE=ca.pem; ${command} < /dev/null`)
  looksRight(t, access, await run(fill(`env -u SEKISHO_PORT_OFFSET sekisho status ${access}`)), [/State +live/, 0])
  for (const [command, printed, code = 0] of expected) looksRight(t, command, await run(fill(command)), [printed, code])
  for (const [command, whole] of Object.entries(shortened)) looksRight(t, command, await run(fill(whole)), [/\S/, 0])
  t.equal((await demo.interrupt()).code, 0)
})
