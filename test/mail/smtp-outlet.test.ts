// Goal: a mail reaches a mail server whole, over TLS that is verified, and each way in which the server refuses is told apart.
// Method: a real SMTP server on this machine that answers as each test wants, and a port where nobody listens.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import type { MailOutcome, MailOutlet } from '../../src/mail/mail-outlet.ts'
import { createSmtpOutlet, outcomeOf } from '../../src/mail/smtp-outlet.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { outgoing, smtpConfig } from './mail-samples.ts'
import { readMail, startSmtpCatcher } from './smtp-catcher.ts'

const ca = createTestCa({ commonName: 'mail-ca' })
const otherCa = createTestCa({ commonName: 'other-ca' })
const server = ca.issueServer({ names: ['localhost', '127.0.0.1'] })
const tls = { key: server.keyPem, cert: server.certificatePem }
const login = { username: 'sekisho', password: 'smtp-secret' }

/** The outlet of one test, closed at its end. */
function open(t: Test, changes: Parameters<typeof smtpConfig>[0]): MailOutlet {
  const outlet = createSmtpOutlet(smtpConfig(changes))
  t.teardown(() => outlet.close(true))
  return outlet
}

const errorOf = (outcome: MailOutcome): string => (outcome.kind === 'sent' ? '' : outcome.error)

t.test('R10: a received mail can be read: Japanese subject, sender, text and HTML', async (t) => {
  const catcher = await startSmtpCatcher(t)
  const outlet = open(t, { port: catcher.port })
  const mail = outgoing({ replyTo: 'desk@bank.example' })
  t.same(await outlet.send(mail), { kind: 'sent' })
  const [caught] = catcher.mails
  t.match(caught, { from: 'notice@bank.example', to: ['user01@shoji.example'], secure: false })
  t.match(caught?.raw, /^[\s\x20-\x7e]*$/, 'nothing but ASCII on the way')
  const { headers, text, html } = readMail(caught?.raw ?? '')
  t.equal(headers.get('subject'), mail.subject)
  t.match(headers.get('from'), 'サンプル銀行')
  t.match(headers.get('from'), '<notice@bank.example>')
  t.equal(headers.get('to'), 'user01@shoji.example')
  t.equal(headers.get('reply-to'), 'desk@bank.example')
  t.equal(Date.parse(headers.get('date') ?? ''), mail.dateMs)
  t.match(headers.get('message-id'), /^<[0-9a-f]{32}@bank\.example>$/)
  t.equal(headers.get('auto-submitted'), 'auto-generated')
  t.notOk(headers.has('x-mailer'))
  t.equal(text.replaceAll('\r\n', '\n'), mail.text)
  t.match(html, mail.html)
})

t.test('R10: the same mail has the same Message-ID whenever it is sent, another one has another', async (t) => {
  const catcher = await startSmtpCatcher(t)
  const outlet = open(t, { port: catcher.port })
  await outlet.send(outgoing())
  await outlet.send(outgoing({ dateMs: 0 }))
  await outlet.send(outgoing({ id: 'expiry:a:10' }))
  const [first, again, other] = catcher.mails.map(({ raw }) => readMail(raw).headers.get('message-id'))
  t.equal(first, again)
  t.not(first, other)
})

t.test('addresses and headers that would hold another one are refused before anything is said', async (t) => {
  const catcher = await startSmtpCatcher(t)
  const outlet = open(t, { port: catcher.port })
  const addresses = [
    '',
    'user01',
    'a@b.example\r\nRCPT TO:<x@evil.example>',
    'a@b.example, x@evil.example',
    '"a b"@b.example',
    'a@b.example>',
    'ユーザ@b.example',
    `${'a'.repeat(65)}@b.example`,
    'a@-b.example-',
  ]
  for (const to of addresses) t.match(await outlet.send(outgoing({ to })), { kind: 'address' }, JSON.stringify(to))
  for (const changes of [
    { subject: 'a\r\nBcc: x@evil.example' },
    { sender: 'a\nBcc: x@evil.example' },
    { from: 'a@b.example\r\n' },
    { replyTo: 'x y' },
  ]) {
    t.match(await outlet.send(outgoing(changes)), { kind: 'mail' }, JSON.stringify(changes))
  }
  t.same(catcher.mails, [])
  t.same(await outlet.send(outgoing({ to: "o'brien+a.b@b-c.example" })), { kind: 'sent' }, 'an odd one that is fine')
})

t.test('R10: one recipient that is refused does not stop the others', async (t) => {
  const catcher = await startSmtpCatcher(t, {
    refuse: (address) => (address.startsWith('gone') ? [550, '5.1.1 no such user'] : undefined),
  })
  const outlet = open(t, { port: catcher.port })
  const outcomes = await Promise.all(
    ['user01', 'gone01', 'user02', 'gone02', 'user03'].map((name) =>
      outlet.send(outgoing({ to: `${name}@shoji.example` })),
    ),
  )
  t.same(
    outcomes.map(({ kind }) => kind),
    ['sent', 'address', 'sent', 'address', 'sent'],
  )
  t.match(errorOf(outcomes[1] as MailOutcome), 'no such user')
  t.equal(catcher.mails.length, 3)
})

t.test('what the server means by its answer is told apart', async (t) => {
  const answers = [
    [[550, '5.1.1 no such user'], 'address'],
    [[553, 'mailbox name not allowed'], 'address'],
    [[450, '4.2.1 greylisted'], 'later'],
    [[554, '5.7.1 relay access denied'], 'later'],
    [[530, 'authentication required'], 'later'],
    [[421, 'closing'], 'server'],
  ] as const
  for (const [answer, kind] of answers) {
    const catcher = await startSmtpCatcher(t, { refuse: () => answer })
    t.match(await open(t, { port: catcher.port }).send(outgoing()), { kind }, answer.join(' '))
  }
  for (const [answer, kind] of [
    [[554, '5.6.0 not like this'], 'mail'],
    [[451, 'try later'], 'later'],
  ] as const) {
    const catcher = await startSmtpCatcher(t, { refuseContent: () => answer })
    t.match(await open(t, { port: catcher.port }).send(outgoing()), { kind }, answer.join(' '))
  }
})

t.test('a server that is down, or never says a word, is told as such', async (t) => {
  const catcher = await startSmtpCatcher(t)
  const outlet = open(t, { port: catcher.port })
  await catcher.close()
  t.match(await outlet.send(outgoing()), { kind: 'server' })

  const sockets: { destroy(): void }[] = []
  const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  const { port } = silent.address() as AddressInfo
  t.match(await open(t, { port, timeoutMs: 100 }).send(outgoing()), { kind: 'server' })
})

t.test(
  'with starttls and with tls the mail is encrypted, and the server is known by the configured CA alone',
  async (t) => {
    for (const security of ['starttls', 'tls'] as const) {
      const catcher = await startSmtpCatcher(t, { tls: { ...tls, implicit: security === 'tls' } })
      const { port } = catcher
      t.same(await open(t, { port, security, caPem: ca.certificatePem }).send(outgoing()), { kind: 'sent' }, security)
      t.match(catcher.mails, [{ secure: true }], security)
      const strangers = [{ caPem: otherCa.certificatePem }, { caPem: undefined }]
      for (const trust of strangers) {
        t.match(await open(t, { port, security, ...trust }).send(outgoing()), { kind: 'server' }, security)
      }
      t.equal(catcher.mails.length, 1)
    }
  },
)

t.test('a certificate for another name is refused', async (t) => {
  const other = ca.issueServer({ names: ['other.example'] })
  const catcher = await startSmtpCatcher(t, { tls: { key: other.keyPem, cert: other.certificatePem, implicit: true } })
  const outlet = open(t, { port: catcher.port, security: 'tls', caPem: ca.certificatePem })
  t.match(await outlet.send(outgoing()), { kind: 'server' })
})

t.test('starttls sends nothing to a server that does not offer it', async (t) => {
  const catcher = await startSmtpCatcher(t, { login })
  const config = { port: catcher.port, security: 'starttls', caPem: ca.certificatePem, ...login } as const
  t.match(await open(t, config).send(outgoing()), { kind: 'server' })
  t.same(catcher.mails, [])
})

t.test('the gateway logs in; a wrong password is the server’s matter and never shown', async (t) => {
  const catcher = await startSmtpCatcher(t, { login, tls: { ...tls, implicit: false } })
  const config = { port: catcher.port, security: 'starttls', caPem: ca.certificatePem } as const
  t.same(await open(t, { ...config, ...login }).send(outgoing()), { kind: 'sent' })
  const wrong = await open(t, { ...config, username: 'sekisho', password: 'wrong-secret' }).send(outgoing())
  t.match(wrong, { kind: 'server' })
  t.notMatch(errorOf(wrong), 'wrong-secret', 'though the server says it')
  t.match(errorOf(wrong), '(not shown)')
  t.equal(catcher.mails.length, 1)
})

t.test('what a server says stays one short line', async (t) => {
  const error = Object.assign(new Error(`no\r\n\u0007${'x'.repeat(1_000)}`), { command: 'RCPT TO', responseCode: 550 })
  const outcome = outcomeOf(error)
  t.match(outcome, { kind: 'address' })
  t.match(errorOf(outcome), /^RCPT TO: no x+$/)
  t.ok(errorOf(outcome).length <= 300)
})
