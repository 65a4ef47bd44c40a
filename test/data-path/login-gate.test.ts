// Goal: a login waits for the directory and for nobody else: who has gone is not judged, who waits too long is refused, and what comes
// twice counts once. Method: a gate between a client and an exchange that keep what they are told, and a directory that answers late.
import t from 'tap'
import type { FaultCode } from '../../src/base/errors.ts'
import type { ClientConnection } from '../../src/data-path/client-connection.ts'
import type { ClientStream } from '../../src/data-path/client-stream.ts'
import type { Exchange } from '../../src/data-path/exchange.ts'
import { bodyOfLength } from '../../src/data-path/http1/body-framing.ts'
import { LoginGate } from '../../src/data-path/login-gate.ts'
import type { LoginAttempt } from '../../src/data-path/login-rules.ts'
import type { PasswordVisit } from '../../src/data-path/password-visit.ts'
import type { ForwardRequest } from '../../src/data-path/request-headers.ts'
import type { DirectoryAnswer } from '../../src/trust/directory-answer.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'

const body = Buffer.from('loginId=pass01&password=x')
const rule = { path: '/login', loginIdField: 'loginId', includeBelow: false, bodyBytesMax: 100 }
const known: DirectoryAnswer = { user: { contractId: 'yubin', role: 'general' }, certificateRegistered: false }

function setUp(remembered?: DirectoryAnswer) {
  const told: string[] = []
  const asked: string[] = []
  const answer = Promise.withResolvers<DirectoryAnswer>()
  const index = new RevocationIndexWriter()
  index.add(fingerprintOf('password_mode', 'yubin'))
  const door = {
    directory: {
      remembered: () => remembered,
      lookUp: ({ loginId }: { loginId: string }) => {
        asked.push(loginId)
        return answer.promise
      },
    },
    limits: { bodyIdleTimeoutMs: 1, upstreamResponseTimeoutMs: 2 },
    trust: { index, freshness: { freshEnough: () => true } },
    clock: { refresh: () => {}, nowMs: () => 0 },
  }
  const exchange = {
    phase: 'preparing',
    start: () => void told.push('start'),
    data: (chunk: Buffer) => void told.push(`data ${chunk}`),
    end: () => void told.push('end'),
    expired: () => void told.push('expired'),
    bodyFault: (code: FaultCode) => {
      exchange.phase = 'ended'
      told.push(code)
    },
  }
  const visit = {
    logins: { passUnknown: false },
    logIn: ({ loginId }: { loginId: string }) => {
      told.push(`in ${loginId}`)
      return true
    },
    recordRefusal: ({ code, reason = code }: { code: string; reason?: string }) => void told.push(`audit ${reason}`),
    rebound: () => [],
  } as unknown as PasswordVisit
  const gate = new LoginGate({
    attempt: { rule, kind: 'readable', type: 'form' } satisfies LoginAttempt,
    connection: { door } as unknown as ClientConnection,
    client: { awaitWithin: (ms: number) => void told.push(`within ${ms}`) } as unknown as ClientStream,
    visit,
    request: { framing: bodyOfLength(body.length), expectsContinue: false } as ForwardRequest,
  })
  gate.guard(exchange as unknown as Exchange)
  gate.start()
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return { gate, exchange, told, asked, answer, index, settled }
}

t.test('a login waits for the answer about its login ID', async (t) => {
  const { gate, told, asked, answer, settled } = setUp()
  gate.data(body.subarray(0, 10))
  gate.data(body.subarray(10))
  gate.end([])
  t.strictSame(asked, ['pass01'])
  await settled()
  t.strictSame(told, ['within 1', 'within 2'])
  answer.resolve(known)
  await settled()
  t.strictSame(told.slice(2), ['in pass01', 'start', `data ${body}`, 'end'])
  gate.data(Buffer.from('surplus'))
  gate.end([])
  gate.expired()
  t.strictSame(told.slice(6), ['expired'], 'from now on time is the exchange’s')
})

t.test('what is remembered is not asked again', async (t) => {
  const { gate, told, asked } = setUp(known)
  gate.data(body)
  gate.end([])
  t.strictSame(asked, [])
  t.ok(told.includes('start'))
})

t.test('a client that has gone, or was cut, while the directory was asked is not logged in', async (t) => {
  const { gate, exchange, told, answer, settled } = setUp()
  gate.data(body)
  gate.end([])
  exchange.phase = 'ended'
  answer.resolve(known)
  await settled()
  t.strictSame(told, ['within 1', 'within 2'])
})

t.test('a switch while the directory was asked is seen', async (t) => {
  const { gate, told, answer, index, settled } = setUp()
  gate.data(body)
  gate.end([])
  index.remove(fingerprintOf('password_mode', 'yubin'))
  answer.resolve(known)
  await settled()
  t.strictSame(told.slice(2), ['audit login_method_mismatch', 'login_method_mismatch'])
})

t.test('a directory that does not answer, or fails, refuses', async (t) => {
  const late = setUp()
  late.gate.data(body)
  late.gate.end([])
  late.gate.expired()
  late.answer.resolve(known)
  await late.settled()
  t.strictSame(
    late.told.slice(2),
    ['audit store_unavailable', 'store_unavailable'],
    'and its late answer changes nothing',
  )
  const failing = setUp()
  failing.gate.data(body)
  failing.gate.end([])
  failing.answer.reject(new Error('away'))
  await failing.settled()
  t.strictSame(failing.told.slice(2), ['audit trust_data_stale', 'store_unavailable'])
})

t.test('a body that does not come, or is broken, ends it', async (t) => {
  const slow = setUp()
  slow.gate.data(body.subarray(0, 5))
  slow.gate.expired()
  slow.gate.data(body.subarray(5))
  slow.gate.end([])
  t.strictSame(slow.told, ['within 1', 'body_idle_timeout'])
  const broken = setUp()
  broken.gate.bodyFault('body_malformed')
  broken.gate.end([])
  t.strictSame(broken.told, ['within 1', 'body_malformed'])
})

t.test('an exchange that has nowhere to send it yet gets the body later, once', async (t) => {
  const { gate, exchange, told, settled } = setUp(known)
  exchange.start = () => {
    told.push('start')
    gate.pauseBody()
  }
  gate.data(body)
  gate.end([])
  t.notOk(told.includes('end'))
  gate.resumeBody()
  gate.resumeBody()
  await settled()
  gate.pauseBody()
  gate.resumeBody()
  await settled()
  t.equal(told.filter((word) => word === 'end').length, 1)
  t.equal(told.filter((word) => word.startsWith('data ')).length, 1)
})
