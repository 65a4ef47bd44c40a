// Goal: contracts, users, certificates and notices are handled from the command line: dry runs by default, --apply acts. Method: the command
// line in this process against a real admin door over a real embedded store.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { futureMs, keyA1 } from '../store/samples.ts'
import { withCli } from './with-cli.ts'

t.test('contracts are set, listed and shown; a dry run changes nothing', async (t) => {
  const { run, store } = await withCli(t, { role: 'branch' })
  const set = ['contracts', 'set', 'acme', '--login-method', 'certificate', '--notice-days', '40 1', '--name', 'Acme']
  t.match(await run(...set), { exitCode: 0, out: /Would add the contract acme: .*name: - -> Acme[\s\S]*add --apply/ })
  t.equal(await store.contract('acme'), undefined)
  t.match(await run(...set, '--apply'), { exitCode: 0, out: /^Added the contract acme/ })
  t.match(await store.contract('acme'), { noticeDays: [40, 1], certificateLimit: 100 })
  t.match(await run(...set, '--apply'), { out: /is so already/ })
  t.match(await run('contracts', 'list'), { exitCode: 0, out: /acme +certificate +100 +40 1 +Acme\nshoji/ })
  t.match(await run('contracts', 'list', '--limit', '1'), { out: /There are more: raise --limit/ })
  t.match(await run('contracts', 'show', 'shoji'), { exitCode: 0, out: /0 of 100[\s\S]*user01 +general +active +none/ })
  t.match(await run('contracts', 'show', 'nobody'), { exitCode: 1, err: /Cannot find the contract/ })
  t.match(await run('contracts', 'set', 'acme', '--certificate-limit', 'x'), { exitCode: 1, err: /certificateLimit/ })
})

t.test('R23: contracts switch names form and reason, and is a dry run without --apply', async (t) => {
  const { run, store, audited } = await withCli(t, { role: 'branch' })
  const args = ['contracts', 'switch', 'shoji', '--method', 'password', '--form', 'A-17', '--reason', 'form']
  t.match(await run(...args.slice(0, 5), '--reason', 'form'), { exitCode: 2, err: /--form/ })
  t.match(await run(...args), {
    exitCode: 0,
    out: /Would switch the contract shoji from certificate to password: 2 users/,
  })
  t.match(await store.contract('shoji'), { loginMethod: 'certificate' })
  t.match(await run(...args, '--apply'), {
    exitCode: 0,
    out: /^Switched the contract shoji from certificate to password/,
  })
  t.match(await store.contract('shoji'), { loginMethod: 'password' })
  t.match(audited.at(-1), { event: 'login_method_changed', detail: { form: 'A-17' } })
  const other = await withCli(t, { role: 'helpdesk' })
  t.match(await other.run(...args, '--apply'), { exitCode: 1, err: /takes the role branch/ })
})

t.test('users are set, suspended, reinstated, unlocked and shown with their history', async (t) => {
  const { run, store } = await withCli(t)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
  const set = ['users', 'set', 'taro', '--contract', 'shoji', '--role', 'general', '--email', 'taro@example.jp']
  t.match(await run(...set), { out: /Would add the user taro/ })
  t.match(await run(...set, '--apply'), { out: /Added the user taro/ })
  t.match(await run('users', 'list', '--prefix', 'ta'), { out: /taro +shoji +general +active +taro@example\.jp/ })
  t.match(await run('users', 'list', '--contract', 'shoji'), { out: /user01 +general +active +current/ })
  t.match(await run('users', 'list', '--contract', 'shoji', '--prefix', 'a'), { exitCode: 2 })
  t.match(await run('users', 'suspend', 'taro', '--reason', 'left'), { out: /Would suspend the user taro/ })
  t.match(await store.user('taro'), { state: 'active' })
  t.match(await run('users', 'suspend', 'taro', '--reason', 'left', '--apply'), { out: /Suspended the user taro/ })
  t.match(await store.user('taro'), { state: 'suspended' })
  t.match(await run('users', 'suspend', 'taro', '--reason', 'left'), { out: /suspended already/ })
  t.match(await run('users', 'reinstate', 'taro', '--reason', 'back', '--apply'), { out: /Reinstated/ })
  await store.countNote('locked:login:taro', 60_000)
  t.match(await run('users', 'unlock', 'taro'), { out: /Would unlock the user taro, locked until/ })
  t.match(await run('users', 'unlock', 'taro', '--apply'), { out: /Unlocked the user taro/ })
  t.match(await run('users', 'unlock', 'taro', '--apply'), { out: /was not locked/ })
  const { out } = await run('users', 'history', 'taro')
  t.match(out, /unlocked[\s\S]*reinstated[\s\S]*suspended[\s\S]*created/)
  t.match(await run('users', 'show', 'user01'), {
    out: /Contract +shoji, general user[\s\S]*current +demo-issuing-ca +1/,
  })
  t.match(await run('certificates', 'list', '--login-id', 'user01'), { out: /current +demo-issuing-ca +1/ })
  t.match(await run('certificates', 'show', '0:01', '--issuer', 'demo-issuing-ca'), { out: /Login ID +user01/ })
  t.match(await run('certificates', 'issue', '--login-id', 'user01', '--csr', '/nowhere', '--reason', 'x'), {
    exitCode: 1,
    err: /no such file/,
  })
})

t.test('users are exported to a file and imported from one, whole or not at all', async (t) => {
  const { run, runWith, store, folder } = await withCli(t)
  const file = join(folder, 'users.csv')
  t.match(await run('users', 'export', '--out', file), { exitCode: 0, out: /Wrote/ })
  t.notOk(existsSync(`${file}.part`))
  t.match(await run('users', 'import', file, '--apply'), { exitCode: 0, out: /0 added, 0 changed, 2 unchanged/ })
  const text = readFileSync(file, 'utf8')
  t.equal((await run('users', 'export')).out, text)
  writeFileSync(file, `${text}taro,shoji,general,,太郎,,\r\nbad,nowhere,general,,,,\r\n`)
  t.match(await run('users', 'import', file, '--apply'), {
    exitCode: 1,
    out: /5 +refused +contractId +Cannot find the contract[\s\S]*Nothing was changed as lines are refused/,
  })
  t.equal(await store.user('taro'), undefined)
  const line = '{"loginId":"taro","contractId":"shoji","role":"general"}\n'
  const dry = await runWith({ input: line }, 'users', 'import', '-')
  t.match(dry, { exitCode: 0, out: /1 +added +taro[\s\S]*Would import: 1 added[\s\S]*add --apply/ })
  t.equal(await store.user('taro'), undefined)
  t.match(await runWith({ input: line }, 'users', 'import', '-', '--apply'), { out: /Imported: 1 added/ })
  t.match(await store.user('taro'), { contractId: 'shoji' })
  t.match(await run('contracts', 'export', '--format', 'ndjson'), { out: /^\{"contractId":"shoji"/ })
  t.match(await run('users', 'import', join(folder, 'none.csv')), { exitCode: 1, err: /no such file/ })
  const auditor = await withCli(t, { role: 'helpdesk' })
  t.match(await auditor.run('users', 'export'), { exitCode: 1, err: /takes the role/ })
})

t.test('notices: what would go out on a day, which were given up, and sending those again', async (t) => {
  const { run, store } = await withCli(t, { role: 'branch' })
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
  await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'general', email: 'a@b.jp' })
  const date = new Date(futureMs - 30 * 86_400_000).toISOString().slice(0, 10)
  t.match(await run('notices', '--dry-run', '--date', date), {
    exitCode: 0,
    out: /user01 .*30 +30 +would go out\n1 notice due/,
  })
  t.match(await run('notices', '--dry-run', '--date', '2001-01-01'), { out: /^0 notices due on 2001-01-01/ })
  t.match(await run('notices', '--date', date), { exitCode: 2 })
  await store.addMails([{ id: 'm-1', loginId: 'user01', to: 'a@b.jp', body: '{}', dueMs: 0 }])
  await store.leaseMails(1, 1_000, 1)
  await store.settleMail('m-1', { state: 'dead', error: 'bounced: gone', atMs: 5 })
  await store.keepNote('mail:bounced:user01', 'a@b.jp', 60_000)
  t.match(await run('notices', 'list'), { out: /user01 +a@b\.jp +1 +bounced: gone +m-1/ })
  t.match(await run('notices', 'bounced'), { out: /user01 +shoji +a@b\.jp/ })
  t.match(await run('notices', 'revive', 'm-1'), { out: /Would have the mail m-1 sent again/ })
  t.match(await run('notices', 'revive', 'm-1', '--apply'), { out: /due now/ })
  t.match(await run('notices', 'list'), { out: /No mail is dead/ })
  t.match(await run('notices', 'revive', 'm-1', '--apply'), { exitCode: 1, err: /Cannot find a mail/ })
})

t.test('a large file of Japanese names goes through, however little the door takes at a time', async (t) => {
  const { run, folder } = await withCli(t, { timeouts: { idleMs: 5_000 } })
  const rows = Array.from({ length: 4_000 }, (_, index) => `u${index},shoji,general,利用者${'様'.repeat(40)}${index}\n`)
  const file = join(folder, 'many.csv')
  writeFileSync(file, `loginId,contractId,role,name\n${rows.join('')}`)
  t.match(await run('users', 'import', file), {
    exitCode: 0,
    out: /and 3800 more lines[\s\S]*Would import: 4000 added/,
  })
})
