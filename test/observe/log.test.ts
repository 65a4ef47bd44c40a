// Goal: the process log is one JSON line a message, keeps to its level, and never shows a secret.
// Method: messages and fields that carry every kind of secret we know of, at several depths.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { createLog, type LogLevel } from '../../src/observe/log.ts'

function createCapture(level: LogLevel = 'debug', fields: Record<string, unknown> = {}) {
  const lines: string[] = []
  const log = createLog({ level, fields, destination: { write: (line) => lines.push(line) } })
  return { log, lines, read: (index: number) => JSON.parse(lines[index] as string) as Record<string, unknown> }
}

t.test('a message has its time, level, text and fields', async (t) => {
  const { log, lines, read } = createCapture('debug', { thread: 'worker-0' })
  log.info('door opened', { door: 'retail', port: 8443 })
  t.equal(lines.length, 1)
  t.ok(lines[0]?.endsWith('}\n'))
  t.match(read(0), { level: 'info', message: 'door opened', door: 'retail', port: 8443, thread: 'worker-0' })
  t.match(read(0).time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  t.notOk('hostname' in read(0))
})

t.test('messages below the level are not written', async (t) => {
  const { log, lines } = createCapture('warn')
  log.debug('a')
  log.info('b')
  log.warn('c')
  log.error('d')
  t.equal(lines.length, 2)
})

t.test('faults keep code, message and cause', async (t) => {
  const { log, read } = createCapture()
  const cause = new Error('connect ECONNREFUSED redis://sekisho:hunter2@127.0.0.1:6379')
  log.error('store lost', { error: new GatewayError('store_unavailable', 'Cannot read the store', { cause }) })
  t.match(read(0), {
    error: {
      name: 'GatewayError',
      code: 'store_unavailable',
      message: 'Cannot read the store',
      cause: { message: 'connect ECONNREFUSED redis://[redacted]@127.0.0.1:6379' },
    },
  })
})

t.test('secrets never appear', async (t) => {
  const { log, lines } = createCapture()
  const secrets = {
    loginPassword: 's3cret-1',
    'Set-Cookie': 'BANKSESSION=s3cret-2',
    AUTHORIZATION: 'Basic s3cret-3',
    nested: { list: [{ sealingKey: 's3cret-4', private_key: 's3cret-5', keyPem: 's3cret-6' }] },
    text: 'sent Bearer s3cret-7abcdef and mysql://root:s3cret-8@db/x',
    pem: '-----BEGIN EC PRIVATE KEY-----\ns3cret-9\n-----END EC PRIVATE KEY-----',
    cut: '-----BEGIN PRIVATE KEY-----\ns3cret-10',
    bytes: Buffer.from('s3cret-11'),
    confirmationPassword: { value: 's3cret-12' },
  }
  log.info('note', secrets)
  log.info('-----BEGIN RSA PRIVATE KEY-----\ns3cret-13\n-----END RSA PRIVATE KEY-----')
  log.warn('wrapped', { error: new Error('at https://u:s3cret-14@h/', { cause: secrets }) })
  t.notMatch(lines.join(''), /s3cret/)
  t.match(lines[0], /\[redacted\]/)
})

t.test('odd values neither throw nor flood', async (t) => {
  const { log, lines } = createCapture()
  const circular: Record<string, unknown> = { big: 1n, when: new Date(Number.NaN), act: () => 1 }
  circular.self = circular
  log.info('odd', { circular, long: 'x'.repeat(1_000_000), many: Array.from({ length: 10_000 }, () => 'y') })
  t.equal(lines.length, 1)
  t.ok((lines[0] as string).length < 20_000, `${lines[0]?.length}`)
})
