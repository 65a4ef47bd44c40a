// Goal: the first four of the six invariants of the design, each under its name; the other two need connections
// (behavior/revoked-client-is-cut-while-streaming and its twins for HTTP/2, WebSockets and two workers; behavior/revoked-stays-revoked).
// Method: fakes that look at what is true at the moment they are called, and a reading of the source for what may not be there; the
// race between real threads over the shared index is in admission-race.test.ts.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { finishFollowUps, takeEvent } from '../../src/control-path/apply.ts'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import { TrustMemory } from '../../src/control-path/trust-memory.ts'
import { admit, isPermit, judgeAgain, judgeBeyondTime, type Permit } from '../../src/trust/admit.ts'
import { denialReasons } from '../../src/trust/denial.ts'
import { type Fingerprint, fingerprintOf } from '../../src/trust/fingerprint.ts'
import { createFreshness, Freshness } from '../../src/trust/freshness.ts'
import { RevocationIndex, type RuleSubject } from '../../src/trust/revocation-index.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { candidateOf, createTrust, issuerId, keyOf } from './trust-fakes.ts'

const source = join(import.meta.dirname, '..', '..', 'src')

/** An index that does something when it has been looked at, or been asked for rules. */
class WatchedIndex extends RevocationIndex {
  readonly #looked: () => void
  readonly #asked: () => void

  constructor(writer: RevocationIndexWriter, looked: () => void, asked: () => void = () => {}) {
    super(writer.shared)
    this.#looked = looked
    this.#asked = asked
  }

  override has(fingerprint: Fingerprint): boolean {
    const found = super.has(fingerprint)
    this.#looked()
    return found
  }

  override coveringRule(subject: RuleSubject): number {
    const version = super.coveringRule(subject)
    this.#asked()
    return version
  }
}

t.test(
  '1. admit() never awaits: it registers the connection, then judges, in one turn of the event loop',
  async (t) => {
    const { state, index, live } = createTrust()
    const candidate = candidateOf('1')
    let otherTurn = false
    queueMicrotask(() => {
      otherTurn = true
    })
    const seen: number[] = []
    const watched = new WatchedIndex(index, () =>
      seen.push(live.matching({ by: 'certificate', key: keyOf('1') }).length),
    )
    const verdict = admit(candidate, { ...state, index: watched })
    t.equal(otherTurn, false, 'nothing else ran meanwhile, not even a microtask')
    t.equal(verdict.kind, 'permit', 'the answer is a verdict, not a promise of one')
    t.ok(seen.length > 0)
    t.ok(
      seen.every((registered) => registered === 1),
      'whenever the index was looked at, the connection was registered',
    )
  },
)

t.test('1. a revocation that comes between registering and judging, or right after, misses nobody', async (t) => {
  const { state, index, live } = createTrust()
  const entry = fingerprintOf('revoked', keyOf('1'))
  const revoke = () => {
    if (index.add(entry)) live.cut({ by: 'certificate', key: keyOf('1') }, 'certificate_revoked')
  }
  // It comes the moment after the index has said "no".
  const candidate = candidateOf('1')
  const verdict = admit(candidate, { ...state, index: new WatchedIndex(index, revoke) })
  t.equal(verdict.kind, 'permit')
  t.equal(candidate.connection.cutFor, 'certificate_revoked')
  t.match(judgeAgain(verdict as Permit, state), { reason: 'certificate_revoked' }, 'nor would its next request pass')
  t.match(
    admit(candidateOf('1', 2), state),
    { kind: 'denial', reason: 'certificate_revoked' },
    'the next one is denied',
  )
})

t.test('1. a rule that comes right after the index was asked for rules misses nobody', async (t) => {
  const { state, index, live } = createTrust()
  const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: state.clock.nowMs(), version: 1 } as const
  const candidate = candidateOf('1')
  const watched = new WatchedIndex(
    index,
    () => {},
    () => index.setRule('login:user01', rule),
  )
  const verdict = admit(candidate, { ...state, index: watched })
  t.equal(verdict.kind, 'permit', 'the index had said that no rule covers it')
  candidate.connection.judge = () => judgeBeyondTime(verdict as Permit, state)?.reason
  t.match(judgeAgain(verdict as Permit, state), { reason: 'certificate_revoked' }, 'its next request would not pass')
  t.equal(live.recheck({ loginId: 'user01' }), 1, 'and the worker is told to judge it anew')
  t.equal(candidate.connection.cutFor, 'certificate_revoked')
  t.match(admit(candidateOf('1', 2), state), { reason: 'certificate_revoked' }, 'the next one is denied')
  t.equal(admit(candidateOf('2', 3, { loginId: 'user02' }), state).kind, 'permit', 'others are not touched')
})

t.test('2. the index is updated before connections are cut or judged anew', async (t) => {
  const index = new RevocationIndexWriter()
  const memory = new TrustMemory(index)
  const notBeforeMaxMs = 1_000
  const events: TrustEvent[] = [
    { version: 1, kind: 'revoked', keys: [keyOf('1')], atMs: 0 },
    { version: 2, kind: 'revoked', keys: [keyOf('2'), keyOf('4')], atMs: 0 },
    { version: 3, kind: 'superseded', key: keyOf('3') },
    { version: 4, kind: 'suspended', loginId: 'user01', suspended: true },
    { version: 5, kind: 'login_method', contractId: 'demo', method: 'password' },
    { version: 6, kind: 'rule', ruleId: 'a', rule: { by: 'loginId', loginId: 'user02', notBeforeMaxMs }, atMs: 0 },
    {
      version: 7,
      kind: 'rule',
      ruleId: 'b',
      rule: { by: 'issuer', issuerId, notBeforeMinMs: 5_000, notBeforeMaxMs: 6_000 },
      atMs: 0,
    },
  ]
  const pending = new Set(events.map((event) => takeEvent(event, memory)).filter((followUp) => followUp !== undefined))
  const whenTold: boolean[] = []
  const all = () =>
    ['1', '2', '4'].every((serial) => index.has(fingerprintOf('revoked', keyOf(serial)))) &&
    index.has(fingerprintOf('superseded', keyOf('3'))) &&
    index.has(fingerprintOf('suspended', 'user01')) &&
    index.has(fingerprintOf('password_mode', 'demo')) &&
    index.coveringRule({ issuerId, loginEntry: fingerprintOf('login_rule', 'user02'), notBeforeMs: 0 }) === 6 &&
    index.coveringRule({ issuerId, loginEntry: undefined, notBeforeMs: 5_000 }) === 7
  const told = async () => {
    whenTold.push(all())
    return 0
  }
  await finishFollowUps(pending, { cut: told, recheck: told, directoryChanged: async () => {} }, () => {})
  t.strictSame(whenTold, Array(7).fill(true))
})

t.test('3. one function judges: router, admin and portal never decide trust', async (t) => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  t.ok(files.length > 100)
  const using = (pattern: RegExp) =>
    files.filter((file) => pattern.test(readFileSync(join(source, file), 'utf8'))).sort()
  t.strictSame(using(/\bdeny\(/), ['trust/admit.ts', 'trust/denial.ts'], 'who can say no')
  t.strictSame(using(/kind: 'denial', reason/), ['trust/denial.ts'], 'who can make a denial')
  t.strictSame(
    using(/new AdmittedPermit\(|kind: 'permit'|kind = 'permit'/),
    ['trust/admit.ts'],
    'who can make a permit',
  )
  t.strictSame(
    using(/\bauthorized\b|authorizationError/).filter((file) => !file.startsWith('admin/')),
    [],
    'Node’s verdict',
  )
  const permit = admit(candidateOf('1'), createTrust().state)
  t.ok(isPermit(permit))
  t.notOk(isPermit({ ...permit }), 'a copy of a permit is none')
  t.notOk(isPermit(Object.create(Object.getPrototypeOf(permit))), 'nor is a look-alike')
  t.notOk(isPermit({ kind: 'permit', candidate: undefined, user: undefined, judgedGeneration: 0 }))
})

t.test('3. every version of HTTP has its requests judged in one place before anything of them is sent', async (t) => {
  const files = readdirSync(join(source, 'data-path'), { encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const using = (text: string) =>
    files.filter((file) => readFileSync(join(source, 'data-path', file), 'utf8').includes(text)).sort()
  const versions = ['http1-connection.ts', 'http2-stream.ts']
  t.strictSame(using('new Exchange('), ['open-exchange.ts'], 'who can send a request to an application')
  t.strictSame(using('= openExchange('), versions, 'on behalf of whom')
  t.strictSame(using('= openRequest('), versions, 'asks first')
  const judging = ['client-connection.ts', 'open-request.ts']
  t.strictSame(using('judgeAgain('), judging, 'where it is judged, and what passes through a WebSocket')
  const vouching = ['client-connection.ts', 'permitted-client.ts']
  t.strictSame(
    using('new PermittedClient('),
    vouching,
    'who can vouch for a client; the second for one that has its permit',
  )
})

t.test('4. unknown, unreadable or too stale means deny', async (t) => {
  const { state, clock } = createTrust({ directory: true })
  const candidate = candidateOf('1')
  const user = { contractId: 'demo', role: 'general' } as const
  t.match(admit({ ...candidate, presented: { kind: 'missing' } }, state), { reason: 'certificate_missing' })
  const unreadable = { kind: 'unreadable', detail: 'x' } as const
  t.match(admit({ ...candidate, presented: unreadable }, state), { reason: 'certificate_unreadable' })
  t.match(
    admit({ ...candidate, answer: undefined }, state),
    { reason: 'login_id_unknown' },
    'the directory was not asked',
  )
  t.match(admit({ ...candidate, answer: 'unavailable' }, state), { reason: 'trust_data_stale' })
  const answer = { user, certificateRegistered: true }
  t.equal(admit({ ...candidate, answer }, state).kind, 'permit')
  clock.advance(300_200)
  t.match(admit({ ...candidate, answer }, state), { reason: 'trust_data_stale' })
  const fault = {
    kind: 'certificate',
    opinion: (candidate.presented as never as { opinion: never }).opinion,
    opensslFault: 'X',
  }
  t.match(admit({ ...candidate, presented: fault as never, answer }, state), { reason: 'issuer_not_trusted' })
  for (const insecureServeWhenStale of [false, true]) {
    const freshness = new Freshness(createFreshness(), { clock, maxStalenessSeconds: 300, insecureServeWhenStale })
    const verdict = admit({ ...candidate, answer }, { ...state, freshness })
    t.match(verdict, { reason: 'trust_data_stale' }, `never loaded, insecureServeWhenStale: ${insecureServeWhenStale}`)
  }
  t.equal(denialReasons.length, new Set(denialReasons).size)
})
