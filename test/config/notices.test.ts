// Goal: notices come out complete; what could not be sent, or would lie open, is refused or warned of. Method: the correct sample with
// notices of its own; every refusal has its accepted twin.
import t from 'tap'
import { parseSample, problemsOf } from './sample-config.ts'

type Change = Record<string, unknown>

const env = { PASSWORD: 'from-a-variable' }
const load = (notices: Change, set: Change = {}) => parseSample({ env, set: { notices, ...set } })
const from = 'notice@bank.example'
const smtp = (fields: Change = {}) => ({ host: 'smtp.bank.example', ca: 'root.pem', ...fields })
const login = { username: 'sekisho', password: `\${PASSWORD}` }
const mailWarnings = (notices: Change) => load(notices).warnings.filter((line) => line.includes('notices.'))

t.test('R10: left out, users are told on pages only, 40, 30, 10 and 1 days before', async (t) => {
  const { notices } = parseSample().config
  t.match(notices, { days: [40, 30, 10, 1], sendHour: 8, checkMinutes: 60, from: '', attemptsMax: 10, keepDays: 400 })
  t.equal(notices.delivery, undefined)
})

t.test('a mail server, with every default', async (t) => {
  const { notices } = load({ from, smtp: smtp(), days: [1, 30] }).config
  t.same(notices.days, [30, 1], 'largest first')
  const { caPem, ...rest } = notices.delivery as { caPem: string }
  t.match(caPem, 'BEGIN CERTIFICATE')
  t.same(rest, {
    kind: 'smtp',
    host: 'smtp.bank.example',
    port: 587,
    security: 'starttls',
    username: undefined,
    password: undefined,
    timeoutMs: 20_000,
    connectionsMax: 2,
  })
  t.same(mailWarnings({ from, smtp: smtp(login) }), [])
  t.match(load({ from, smtp: smtp(login) }).config.notices.delivery, { password: 'from-a-variable' })
})

t.test('a folder in its place, relative to the configuration', async (t) => {
  t.same(load({ from, outboxFolder: 'outbox' }).config.notices.delivery, {
    kind: 'folder',
    folder: '/etc/gateway/outbox',
  })
})

t.test('what cannot be is refused with the field', async (t) => {
  const wrong: [Change, RegExp, Change?][] = [
    [{ smtp: smtp() }, /^- Cannot use notices\.from .*mails need a sender/],
    [{ outboxFolder: 'x' }, /notices\.from /],
    [{ from: 'a\r\nBcc: b@c.example', smtp: smtp() }, /notices\.from as a mail address/],
    [{ from, replyTo: 'a, b@c.example' }, /notices\.replyTo as a mail address/],
    [{ from, smtp: smtp(), outboxFolder: 'x' }, /notices\.outboxFolder as a field without smtp/],
    [{ from, smtp: smtp({ host: 'smtp.bank.example:25' }) }, /notices\.smtp\.host /],
    [
      { from, smtp: smtp({ username: 'a' }) },
      /notices\.smtp\.username .*one stands there without the other|notices\.smtp\.password/,
    ],
    [{ from, smtp: smtp({ ca: undefined, security: 'none', ...login }) }, /notices\.smtp\.security as starttls or tls/],
    [{ from, smtp: smtp({ security: 'none' }) }, /notices\.smtp\.ca as a field that is left out/],
    [{ from, smtp: smtp({ ca: 'missing.pem' }) }, /notices\.smtp\.ca /],
    [{ days: [30, 30] }, /notices\.days\[1\] as a number named once/],
    [{ days: [] }, /notices\.days /],
    [{ days: [121] }, /notices\.days\[0\] /],
    [{ retryMinutes: 500, retryMinutesMax: 240 }, /notices\.retryMinutesMax as at least notices\.retryMinutes/],
    [{ keepDays: 120 }, /notices\.keepDays /],
    [{ sendHour: 24 }, /notices\.sendHour /],
    [{ from, smtp: smtp() }, /notices\.smtp as a field that is left out.*directory is none/, { directory: 'none' }],
  ]
  for (const [notices, expected, set] of wrong) {
    const [line, ...rest] = problemsOf(() => load(notices, set))
    t.match(line, expected)
    t.same(rest, [], String(expected))
  }
  t.doesNotThrow(
    () => load({ from, smtp: { host: '127.0.0.1', security: 'none', ...login } }),
    'on this machine it may',
  )
})

t.test('the password is never shown', async (t) => {
  const lines = problemsOf(() => load({ from, smtp: smtp({ username: undefined, password: `\${PASSWORD}` }) }))
  t.notMatch(lines.join('\n'), 'from-a-variable')
})

t.test('what lies open is warned of', async (t) => {
  t.match(mailWarnings({ from, smtp: { host: 'smtp.bank.example', security: 'none' } }), [
    /cross the network in the clear/,
  ])
  t.match(mailWarnings({ from, smtp: { host: 'smtp.bank.example' } }), [/any public CA/])
  t.same(mailWarnings({ from, smtp: { host: 'localhost', security: 'none' } }), [])
})
