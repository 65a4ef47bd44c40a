// Goal: CAs are made and rotated as local files that a gateway can use, and no key is ever overwritten. Method: the command line in this
// process, and the keys and certificates it writes.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runHere } from './with-cli.ts'

const rootPassphrase = 'root passphrase 1'
const passphrase = 'issuing passphrase 1'
const input = `${rootPassphrase}\n${passphrase}\n`

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-ca-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const init = (folder: string) => [
  ...['ca', 'init', '--organization', 'Sample Bank', '--name', 'user-ca-1', '--out', folder],
]

t.test('ca init makes a root and an issuing CA with encrypted keys; without --apply it writes nothing', async (t) => {
  const folder = join(folderOf(t), 'ca')
  t.match(await runHere(init(folder), { input }), { exitCode: 0, out: /Would write .*root-ca\.pem[\s\S]*add --apply/ })
  t.notOk(existsSync(folder))
  const { exitCode, out } = await runHere([...init(folder), '--apply'], { input })
  t.equal(exitCode, 0)
  t.match(out, /issuers:\n {2}- name: user-ca-1\n[\s\S]*issuing:\n {2}issuer: user-ca-1[\s\S]*Steps/)
  t.notMatch(out, /passphrase 1/)
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const root = new X509Certificate(read('root-ca.pem'))
  const issuing = new X509Certificate(read('user-ca-1.pem'))
  t.ok(issuing.checkIssued(root) && issuing.verify(root.publicKey))
  t.ok(issuing.checkPrivateKey(createPrivateKey({ key: read('user-ca-1.key'), passphrase })))
  t.ok(root.checkPrivateKey(createPrivateKey({ key: read('root-ca.key'), passphrase: rootPassphrase })))
  t.equal(statSync(join(folder, 'user-ca-1.key')).mode & 0o777, 0o600)
  t.match(await runHere([...init(folder), '--apply'], { input }), { exitCode: 1, err: /it is there already/ })
  t.ok(issuing.checkPrivateKey(createPrivateKey({ key: read('user-ca-1.key'), passphrase })), 'and it stays')
})

t.test('ca rotate makes the next issuing CA below the same root and says in which order it takes over', async (t) => {
  const folder = folderOf(t)
  await runHere([...init(folder), '--apply'], { input })
  const rotate = (name: string) => [
    ...['ca', 'rotate', '--organization', 'Sample Bank', '--name', name, '--out', folder],
    ...['--current', join(folder, 'user-ca-1.pem')],
    ...['--root', join(folder, 'root-ca.pem'), '--root-key', join(folder, 'root-ca.key')],
  ]
  t.match(await runHere(rotate('user-ca-2'), { input }), { exitCode: 0, out: /Would write .*user-ca-2\.pem/ })
  const { exitCode, out } = await runHere([...rotate('user-ca-2'), '--apply'], { input })
  t.equal(exitCode, 0)
  t.match(out, /both CAs are trusted[\s\S]*new certificates come from the new CA[\s\S]*last certificate of the old CA/)
  const next = new X509Certificate(readFileSync(join(folder, 'user-ca-2.pem')))
  t.ok(next.verify(new X509Certificate(readFileSync(join(folder, 'root-ca.pem'))).publicKey))
  t.match(next.subject, /CN=user-ca-2/)
  t.match(await runHere([...rotate('user-ca-3'), '--apply'], { input: `wrong passphrase\n${passphrase}\n` }), {
    exitCode: 1,
    err: /cannot be opened: wrong passphrase/,
  })
  t.notOk(existsSync(join(folder, 'user-ca-3.key')))
})

t.test('what cannot be used is refused before anything is written', async (t) => {
  const folder = folderOf(t)
  const short = await runHere([...init(folder), '--apply'], { input: 'short\nshort\n' })
  t.match(short, { exitCode: 1, err: /at least 12 characters/ })
  t.match(await runHere([...init(folder), '--apply'], { input: '' }), { exitCode: 2, err: /A passphrase is needed/ })
  t.match(await runHere([...init(folder), '--root-name', 'user-ca-1', '--apply'], { input }), { exitCode: 2 })
  t.match(await runHere(['ca', 'init', '--organization', 'x', '--name', '../up'], { input }), { exitCode: 2 })
  t.notOk(existsSync(join(folder, 'user-ca-1.key')))
})
