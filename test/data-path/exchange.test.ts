// Goal: an exchange takes as its answer only what comes after its request was sent, tries again only where nothing is done twice,
// and tells a target's failures from the ends of kept connections. Method: an exchange between a client, connections and targets
// that only keep what they are told.
import type { Socket } from 'node:net'
import t from 'tap'
import type { FaultCode } from '../../src/base/errors.ts'
import { TickClock } from '../../src/base/tick-clock.ts'
import { Batch } from '../../src/data-path/batch.ts'
import type { ClientStream } from '../../src/data-path/client-stream.ts'
import { Exchange } from '../../src/data-path/exchange.ts'
import type { ExchangeContext } from '../../src/data-path/exchange-context.ts'
import { noBody } from '../../src/data-path/http1/body-framing.ts'
import type { PermittedClient } from '../../src/data-path/permitted-client.ts'
import type { ForwardRequest } from '../../src/data-path/request-headers.ts'
import type { UpstreamConnection } from '../../src/data-path/upstream-connection.ts'
import type { UpstreamTarget } from '../../src/data-path/upstream-target.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const clock = new TickClock(new FakeClock())

class FakeTarget {
  readonly name: string
  failures = 0
  successes = 0

  constructor(name: string) {
    this.name = name
  }

  failed(): void {
    this.failures++
  }

  succeeded(): void {
    this.successes++
  }
}

/** A connection on which nothing moves but what the test says. */
class FakeConnection {
  readonly target: FakeTarget
  exchanges: number
  connected: boolean
  written = ''
  end: 'open' | 'released' | 'destroyed' = 'open'
  readonly socket = {
    write: (data: string | Buffer) => {
      this.written += data.toString('latin1')
      return true
    },
    cork: () => {},
    uncork: () => {},
    resume: () => {},
    pause: () => {},
    isPaused: () => false,
    writableLength: 0,
    writableNeedDrain: false,
  } as unknown as Socket

  constructor(target: FakeTarget, options: { exchanges?: number; connected?: boolean } = {}) {
    this.target = target
    this.exchanges = options.exchanges ?? 0
    this.connected = options.connected ?? true
  }

  release(): void {
    this.end = 'released'
  }

  destroy(): void {
    this.end = 'destroyed'
  }
}

type Acquired = { readonly fresh: boolean; readonly avoid: UpstreamTarget | undefined }

function setUp(connections: FakeConnection[], { method = 'GET', waits = false } = {}) {
  const acquired: Acquired[] = []
  const told: string[] = []
  const state = { assertionReady: true, deadlineMs: 0 }
  const renewals: (() => void)[] = []
  const lend = () => {
    const connection = connections.shift()
    if (connection === undefined) return false
    exchange.upstreamAcquired(connection as unknown as UpstreamConnection)
    return true
  }
  const context = {
    route: 'main',
    upstream: {
      name: 'app',
      acquire: (_waiter: unknown, want: Acquired) => {
        acquired.push({ fresh: want.fresh, avoid: want.avoid })
        if (waits) return 'queued'
        return lend() ? 'taken' : 'unavailable'
      },
      forget: () => {},
      hasOther: (target: unknown) => connections.some((connection) => connection.target !== target),
    },
    batch: new Batch(clock),
    limits: {
      bodyBytesMax: 1_000,
      bodyIdleTimeoutMs: 1_000,
      upstreamConnectTimeoutMs: 1_000,
      upstreamResponseTimeoutMs: 1_000,
      webSocketIdleTimeoutMs: 1_000,
      trailerBytesMax: 1_000,
      chunkExtensionBytesMax: 0,
      headFieldsMax: 100,
    },
    headLimits: {
      headBytesMax: 16_384,
      headFieldsMax: 100,
      targetBytesMax: 1_000,
      knownMethods: new Set(['GET', 'POST']),
    },
    hsts: undefined,
    date: () => 'now',
    clock,
    metrics: { upstreamAnswered: () => {}, upstreamFailed: (_: string, code: string) => told.push(`counted ${code}`) },
  } as unknown as ExchangeContext
  const client: ClientStream = {
    respondInformational: (status) => void told.push(String(status)),
    respond: ({ status }) => void told.push(String(status)),
    switchProtocols: () => undefined,
    writeBody: (chunk) => void told.push(chunk.toString()),
    endBody: () => void told.push('end'),
    flush: () => true,
    pauseBody: () => {},
    resumeBody: () => {},
    awaitWithin: () => {},
    stillPermitted: () => true,
    respondFault: (code: FaultCode) => void told.push(code),
    abort: (code) => void told.push(`abort ${code}`),
    exchangeEnded: () => void told.push('ended'),
  }
  const permitted = {
    affinity: 'user01',
    sealSetCookie: undefined,
    assertionReady: () => state.assertionReady,
    renewAssertion: () => new Promise<void>((resolve) => renewals.push(resolve)),
    linesFor: () => ({ text: '', keepForwarded: false, openCookies: undefined }),
  } as unknown as PermittedClient
  const request: ForwardRequest = {
    ...{ method, target: '/x', host: 'app', fields: [], classes: [], connectionNominated: [] },
    ...{ framing: noBody, expectsContinue: false, webSocket: false },
  }
  const exchange: Exchange = new Exchange({ request, requestId: 'r', permitted, client, context })
  /** The assertion is signed now. */
  const renewed = async () => {
    state.assertionReady = true
    for (const resolve of renewals.splice(0)) resolve()
    await Promise.resolve()
    await Promise.resolve()
  }
  return { exchange, acquired, told, state, lend, renewed }
}

const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

t.test('an answer is taken once the request is sent, and the connection is kept', async (t) => {
  const connection = new FakeConnection(new FakeTarget('a'), { exchanges: 3 })
  const { exchange, told } = setUp([connection])
  exchange.start()
  t.match(connection.written, /^GET \/x HTTP\/1\.1\r\n/)
  exchange.upstreamData(answer)
  t.same(told, ['200', 'ok', 'end', 'ended'])
  t.same([connection.end, connection.target.successes, connection.target.failures], ['released', 1, 0])
})

t.test('bytes that come before the request was sent are nobody’s answer (CVE-2026-48931 class)', async (t) => {
  const connection = new FakeConnection(new FakeTarget('a'), { exchanges: 3 })
  const { exchange, told, state, lend, renewed } = setUp([connection], { waits: true })
  exchange.start()
  // The assertion runs out in the queue, so the connection is there before the request can be sent.
  state.assertionReady = false
  lend()
  t.equal(connection.written, '')
  exchange.upstreamData(answer)
  await renewed()
  t.same(told, ['counted upstream_response_malformed', 'upstream_response_malformed'])
  t.same([connection.end, connection.written], ['destroyed', ''])
})

t.test('what waited for its assertion is sent when that is signed', async (t) => {
  const connection = new FakeConnection(new FakeTarget('a'), { exchanges: 3 })
  const { exchange, told, state, lend, renewed } = setUp([connection], { waits: true })
  exchange.start()
  state.assertionReady = false
  lend()
  await renewed()
  t.match(connection.written, /^GET /)
  exchange.upstreamData(answer)
  t.same(told.at(-1), 'ended')
})

t.test(
  'a kept connection that ends unanswered is no failure of its target, and the request goes out again',
  async (t) => {
    const [first, second] = [new FakeTarget('a'), new FakeTarget('a')]
    const kept = new FakeConnection(first, { exchanges: 1 })
    const fresh = new FakeConnection(second)
    const { exchange, acquired, told } = setUp([kept, fresh])
    exchange.start()
    exchange.upstreamEnded(undefined)
    t.equal(first.failures, 0)
    t.same(acquired, [
      { fresh: false, avoid: undefined },
      { fresh: true, avoid: undefined },
    ])
    exchange.upstreamData(answer)
    t.same(told, ['counted upstream_reset', '200', 'ok', 'end', 'ended'])
  },
)

t.test('a connection that ends before its answer’s head is a failure, unless it was kept and silent', async (t) => {
  for (const [exchanges, bytes, failures] of [
    [0, '', 1],
    [0, 'HTTP/1.1 2', 1],
    [1, 'HTTP/1.1 2', 1],
    [1, '', 0],
    [0, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok', 0],
  ] as const) {
    const connection = new FakeConnection(new FakeTarget('a'), { exchanges })
    const { exchange } = setUp([connection], { method: 'POST' })
    exchange.start()
    if (bytes !== '') exchange.upstreamData(Buffer.from(bytes))
    exchange.upstreamEnded(undefined)
    t.equal(connection.target.failures, failures, `${exchanges} before, ${JSON.stringify(bytes)}`)
  }
})

t.test('what is no HTTP is a failure of its target before the head of an answer, and no more after it', async (t) => {
  for (const [bytes, failures] of [
    ['SSH-2.0-x\r\n\r\n', 1],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 0],
  ] as const) {
    const connection = new FakeConnection(new FakeTarget('a'))
    const { exchange } = setUp([connection])
    exchange.start()
    exchange.upstreamData(Buffer.from(bytes))
    t.same([connection.target.failures, connection.end], [failures, 'destroyed'], bytes)
  }
})

t.test('a request that never left goes to another target, whatever its method', async (t) => {
  const [bad, good] = [new FakeTarget('a'), new FakeTarget('b')]
  const refused = new FakeConnection(bad, { connected: false })
  const other = new FakeConnection(good)
  const { exchange, acquired, told } = setUp([refused, other], { method: 'POST' })
  exchange.start()
  exchange.upstreamEnded(new Error('refused'))
  t.same([bad.failures, acquired.at(-1)?.avoid === (bad as unknown)], [1, true])
  exchange.upstreamData(answer)
  t.equal(told.at(-1), 'ended')
})

t.test('three connections are tried at most', async (t) => {
  const connections = Array.from(
    { length: 5 },
    (_, at) => new FakeConnection(new FakeTarget(`${at}`), { connected: false }),
  )
  const { exchange, acquired, told } = setUp(connections)
  exchange.start()
  for (let at = 0; at < 3; at++) exchange.upstreamEnded(new Error('refused'))
  t.equal(acquired.length, 3)
  t.equal(told.at(-1), 'upstream_connect_failed')
})
