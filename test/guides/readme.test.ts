// Goal: whoever types the README gets what it says. Method: its blocks, command by command, in a fresh clone with the demo started by
// `npm start`, with the curl and openssl of the machine; what each printed, and what its comment promises of others.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readSource } from '../tidy/source-files.ts'
import { blocksOf } from './guide-commands.ts'
import { type Expected, eachIsExpected, follow, isCut, looksRight, statusOf, staysOpen } from './readme-steps.ts'
import { type Command, commandsOf, createReader, type Terminal } from './readme-world.ts'

const readme = readSource('README.md').text
const blocks = blocksOf(readme)
const below = (heading: string) => blocks.filter((block) => block.heading === heading).map(({ text }) => text)
const [firstSteps = '', life = ''] = below('Try it')
const [est = ''] = below('EST with curl and openssl')

const expectedFirst: readonly Expected[] = [
  ['https://localhost:8443/', /^<!doctype html>[\s\S]*<h1>[\s\S]*\n403\n$/i],
  ['Accept: application/json', /"status":403,.*"reason":"certificate_missing"[\s\S]*\n403\n$/],
  ['user01.pem', /name="loginId" value="user01" readonly[\s\S]*type="password"[\s\S]*\n200\n$/],
  ['--login-id user02', /user02 +would be revoked[\s\S]*Nothing was changed: add --apply/],
  ['--login-id user02 --apply', /user02 +revoked\n[\s\S]*Revoked 1 certificate; 0 already revoked; 1 connection cut/],
  ['user02.pem', /"status":403,.*"reason":"certificate_revoked"[\s\S]*\n403\n$/],
  ['inspect', /Login ID +user05\n[\s\S]*expired at 20[\s\S]*would refuse it: certificate_expired/, 1],
  ['connections', /^(?![\s\S]*user02)[\s\S]*user01/],
  ['list', /demo-issuing-ca +\w+ +user02 [\s\S]*user06/],
  ['/events', /"loginId":"user01","sequence":\d/],
  ['--from stolen.txt', /Revoked 1 certificate; 0 already revoked; 1 connection cut/],
  ['openssl ocsp', /Response verify OK\n.*user02\.pem: revoked\n/],
  ['demo.crl', /^\s*200\n$/],
  // The newest entry comes a moment after its revocation.
  ['crl inspect', /Entries +[34]\n[\s\S]*Signature +ECDSA with SHA-256, valid[\s\S]*A gateway would take this list/],
  ['reload', /^Nothing has changed\.\n/],
  ['audit verify', /The log is whole: \d+ records proven/],
  ['metrics', /^sekisho_verdicts_total\{.*certificate_revoked.*\} [1-9][\s\S]*\n200\n$/m],
]

const expectedLife: readonly Expected[] = [
  ['enroll', /Key +\S+user07\.key \(new\)[\s\S]*Certificate [\s\S]*PKCS #12 +\S+user07\.p12\b/],
  ['users list', /user02 .* revoked [\s\S]*user05 .* expired [\s\S]*user07 .* issued +20\d\d-/],
  ['contracts switch', /Switched the contract demo-yubin from password to certificate/],
  ['notices --dry-run', /\d+ notices? due on 2027-10-20/],
]

/** Blocks that are run by other tests, too or only. */
const elsewhere: readonly { readonly heading: string; readonly by: string; readonly word: string }[] = [
  { heading: 'EST with curl and openssl', by: 'test/portal/est/est-walk-through.test.ts', word: 'README.md' },
  { heading: 'Try it', by: 'test/guides/readme-redis.test.ts', word: "below('Try it')" },
  { heading: 'Configuration', by: 'test/guides/readme-redis.test.ts', word: "below('Configuration')" },
]

t.test('each block of the README is run, and each command of it looked at', async (t) => {
  t.same(
    blocks.map(({ heading }) => heading),
    ['Try it', 'Try it', 'Try it', 'Configuration', 'EST with curl and openssl'],
    'whoever adds a block has it run here or in one of the tests named above',
  )
  for (const { heading, by, word } of elsewhere)
    t.ok(below(heading).length > 0 && readSource(by).text.includes(word), by)
  t.match(readme, /^```\nnpm start .*\nnpm test .*\n```$/m, 'the first is run below, the second runs this file')
  eachIsExpected(t, commandsOf(firstSteps), expectedFirst)
  eachIsExpected(t, commandsOf(life), expectedLife)
})

const reader = await createReader()
t.teardown(() => reader.remove())
const demo = reader.open('npm start')

t.test('npm start makes a demo, and prints what to open and import', { timeout: 60_000 }, async (t) => {
  await reader.ready(reader.offset)
  await t.resolves(demo.shows(/Open +https:\/\/localhost[\s\S]*Import +certs\/demo\/root-ca\.pem/))
  // First in the PATH stands what saves the second that npx takes.
  const { output } = await reader.run(`PATH=\${PATH#*:} npx sekisho --version`)
  t.match(output, /^\d+\.\d+\.\d+$/m, 'npx finds the program of the clone')
})

t.test('the first block, command by command', { timeout: 100_000 }, async (t) => {
  const { output } = await reader.run('openssl x509 -in certs/demo/users/user03.pem -noout -serial')
  writeFileSync(join(reader.clone, 'stolen.txt'), output.replace('serial=', ''))
  const feeds = {
    user01: await follow(reader, 'user01'),
    user02: await follow(reader, 'user02'),
    user03: await follow(reader, 'user03'),
  }
  for (const [at, command] of commandsOf(firstSteps).entries()) {
    if (command.text.includes('/events')) await cutWhileFollowing(t, command, feeds)
    else looksRight(t, command, await reader.run(command.text), expectedFirst[at])
    if (/--login-id user02$/.test(command.text))
      t.equal(await statusOf(reader, 'user02'), '200', 'a dry run revokes nobody')
    if (command.text.includes('user02 --apply')) {
      await isCut(t, feeds.user02, 'user02')
      await staysOpen(t, feeds.user01, 'user01')
    }
    if (command.text.includes('stolen.txt')) await isCut(t, feeds.user03, 'user03')
  }
  const statuses = await Promise.all(['user01', 'user03', 'user04'].map((user) => statusOf(reader, user)))
  t.same(statuses, ['403', '403', '200'])
})

/** "revoke user01 meanwhile and it is cut" */
async function cutWhileFollowing(
  t: Test,
  command: Command,
  feeds: Record<'user01' | 'user03', Terminal>,
): Promise<void> {
  const feed = reader.open(command.text)
  await feed.shows(expectedFirst.find(([part]) => part === '/events')?.[1] ?? /$^/)
  const revoked = await reader.run('npx sekisho revoke --login-id user01 --apply')
  t.match(revoked.output, /2 connections cut/, command.promise)
  await isCut(t, feed, command.text)
  await isCut(t, feeds.user01, 'user01')
  await staysOpen(t, feeds.user03, 'user03')
}

t.test('what is said for the browser: addresses, files, passwords', { timeout: 60_000 }, async (t) => {
  const section = readme.slice(readme.indexOf('## Try it'), readme.indexOf('## What it does'))
  const pages = {
    'https://localhost:8443/': /電子証明書方式 ログイン/,
    'https://localhost:8442/': /ログイン方式をお選びください/,
    'https://localhost:8442/.sekisho/issue': /<h1>電子証明書発行/,
    'https://localhost:9443/counter/': /取引店窓口/,
    'https://localhost:9443/live/': /稼働状況/,
  }
  const addresses = [...section.matchAll(/<(https:[^>]+)>/g)].map(([, address = '']) => address)
  t.same(addresses.toSorted(), Object.keys(pages).toSorted(), 'each address is looked at here')
  const operatorOf = (address: string) => `certs/demo/operators/${address.endsWith('/live/') ? 'auditor' : 'branch'}`
  for (const [address, page] of Object.entries(pages)) {
    const user = address.includes(':8443') ? 'certs/demo/users/user04' : operatorOf(address)
    const certificate = address.includes(':8442') ? '' : `--cert ${user}.pem --key ${user}.key`
    const { output } = await reader.run(`curl --cacert certs/demo/root-ca.pem ${certificate} ${address}`)
    t.match(output, page, address)
    t.match(output, /\n200\n$/, address)
  }
  for (const [, file = ''] of section.matchAll(/`(certs\/demo\/[\w/]+\.p12)`/g)) {
    const open = (word: string) => reader.run(`openssl pkcs12 -in ${file} -noout -passin pass:${word}`)
    t.equal((await open('sekisho')).code, 0, file)
    t.not((await open('other')).code, 0, `${file} takes its own password only`)
  }
  t.match((await reader.run('ls data/outbox/')).output, /-revoked-\w+\.eml\n/, 'mails')
})

/** Types what `sekisho enroll` asks for at a terminal. */
async function enroll(command: string, ...words: readonly string[]) {
  const terminal = reader.open(`script --quiet --flush --return --command '${command}' /dev/null`)
  for (const [at, question] of [/or a one-time code: $/, /\.p12 file .*: $/].entries()) {
    if (words[at] === undefined) break
    await terminal.shows(question)
    terminal.type(`${words[at]}\n`)
  }
  return await terminal.ended
}

t.test('the life of a certificate, from a terminal', { timeout: 60_000 }, async (t) => {
  for (const [at, command] of commandsOf(life).entries()) {
    const ran = command.text.includes('enroll')
      ? await enroll(command.text, 'sekisho-demo', 'word-of-the-file')
      : await reader.run(command.text)
    looksRight(t, command, ran, expectedLife[at])
  }
  const enrolled = '--cert data/enrolled/user07.pem --key data/enrolled/user07.key'
  const { output } = await reader.run(`curl --cacert certs/demo/root-ca.pem ${enrolled} https://localhost:8443/`)
  t.match(output, /value="user07" readonly[\s\S]*\n200\n$/, 'user07 is let in')
  const file = await reader.run('openssl pkcs12 -in data/enrolled/user07.p12 -noout -passin pass:word-of-the-file')
  t.equal(file.code, 0, 'the .p12 has the password that was typed')
})

t.test('EST without variables is the demo; enrolled by one way, the other is refused until a revocation', async (t) => {
  const refused = await reader.run(est, { plainCurl: true })
  t.ok(refused.code !== 0 && /\b409\b/.test(refused.output), refused.output)
  t.match((await reader.run('npx sekisho revoke --login-id user07 --apply')).output, /Revoked 1 certificate/)
  const { code, output } = await reader.run(est, { plainCurl: true })
  t.equal(code, 0, output)
  t.match(output, /first\.pem: OK\nsecond\.pem: OK\nsubject=.*CN ?= ?user07\n/)
})

t.test('npm run demo:reset removes what the demo made, and only when it has ended', { timeout: 60_000 }, async (t) => {
  const reset = () => reader.run('npm run demo:reset')
  t.not((await reset()).code, 0, 'not while it runs')
  t.equal(await statusOf(reader, 'user04'), '200')
  const { code } = await demo.interrupt()
  t.equal(code, 0, 'Control-C ends it in order')
  mkdirSync(join(reader.clone, 'certs', 'own'))
  t.equal((await reset()).code, 0)
  t.notOk(readdirSync(reader.clone).some((name) => name.startsWith('data')))
  t.notOk(existsSync(join(reader.clone, 'certs', 'demo')))
  t.ok(existsSync(join(reader.clone, 'certs', 'own')), 'what others made stays')
})
