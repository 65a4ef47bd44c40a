// Goal: the demo's outbox holds whole mails that a mail program opens, for nobody else to read. Method: write some into a new folder.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createFolderOutlet } from '../../src/mail/folder-outlet.ts'
import { outgoing } from './mail-samples.ts'
import { readMail } from './smtp-catcher.ts'

t.test('each mail is one file, whole, in a folder that is made', async (t) => {
  const folder = join(t.testdir(), 'data', 'outbox')
  const outlet = createFolderOutlet(folder)
  t.same(await outlet.send(outgoing()), { kind: 'sent' })
  t.same(await outlet.send(outgoing({ id: '../../x:/etc/passwd', dateMs: 1_000 })), { kind: 'sent' })
  const names = readdirSync(folder).toSorted()
  t.match(names, [
    /^1970-01-01T00-00-01-000Z-x-[0-9a-f]{12}\.eml$/,
    /^2026-11-23T23-00-00-000Z-expiry-[0-9a-f]{12}\.eml$/,
  ])
  t.equal(names.length, 2, 'nothing unfinished stays')
  const file = join(folder, names[1] ?? '')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  const { headers, text, html } = readMail(readFileSync(file, 'latin1'))
  t.equal(headers.get('subject'), outgoing().subject)
  t.match(text.replaceAll('\r\n', '\n'), outgoing().text)
  t.match(html, '電子証明書')
})

t.test('a folder that cannot be written to, and an address that is none, are told', async (t) => {
  const file = join(t.testdir(), 'file')
  writeFileSync(file, '')
  t.match(await createFolderOutlet(join(file, 'outbox')).send(outgoing()), { kind: 'server', error: /ENOTDIR/ })
  t.match(await createFolderOutlet(join(t.testdir(), 'outbox')).send(outgoing({ to: 'a\r\nb@c.example' })), {
    kind: 'address',
  })
})
