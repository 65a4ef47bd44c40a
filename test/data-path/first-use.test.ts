// Goal: the first use of a certificate is noted exactly where it must be before its client is answered (R20), and that it was seen (R12).
// Method: firstUseOf as a table over opinions of real certificates and answers of the directory.
import { hash } from 'node:crypto'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { firstUseOf } from '../../src/data-path/first-use.ts'
import { formOpinion } from '../../src/trust/certificate-opinion.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { createTestCa } from '../helpers/test-ca.ts'

const ca = createTestCa({ commonName: 'test-issuing-ca' })
const issuers = [readIssuingCa({ name: 'ca', certificatePem: ca.certificatePem, chainPems: [] }, systemClock.nowMs())]
const made = ca.issueClient({ commonName: 'user01' })
const opinionOf = (der: Uint8Array) => formOpinion(der, { issuers, loginId: { from: 'commonName' }, rsaBitsMin: 2_048 })
const opinion = opinionOf(made.der)
const presented = { kind: 'certificate', opinion } as Parameters<typeof firstUseOf>[0]
const user = { contractId: 'shoji', role: 'general' } as const

type Answer = Parameters<typeof firstUseOf>[1]

function note(answer: Answer, { as = presented, recordsSeen = true } = {}) {
  const sightings: string[] = []
  const directory = { noteSeen: (key: string, atMs: number) => void sightings.push(`${key} ${atMs}`) }
  const clock = { ...systemClock, nowMs: () => 42 }
  const door = { directory, recordsSeen, clock } as unknown as Parameters<typeof firstUseOf>[2]
  return { use: firstUseOf(as, answer, door), sightings }
}

const key = certificateKey(ca.issuerId, made.serial)
const expected = {
  loginId: 'user01',
  certificateKey: key,
  notBeforeMs: opinion.certificate.notBeforeMs,
  notAfterMs: opinion.certificate.notAfterMs,
  publicKeyHash: hash('sha256', opinion.certificate.publicKeyDer, 'base64url'),
}

t.test('R20: issued here and never used', async (t) => {
  const { use, sightings } = note({ user, certificateRegistered: true, certificateUnused: true })
  t.strictSame(use, { ...expected, isRecorded: true })
  t.strictSame(sightings, [`${key} 42`])
})

t.test('used before: it is seen, and nothing is waited for', async (t) => {
  const { use, sightings } = note({ user, certificateRegistered: true })
  t.equal(use, undefined)
  t.strictSame(sightings, [`${key} 42`])
})

t.test('R12: made elsewhere and not recorded: it is to be recorded, where the door records what it sees', async (t) => {
  t.strictSame(note({ user, certificateRegistered: false }).use, { ...expected, isRecorded: false })
  const passedOver = note({ user, certificateRegistered: false }, { recordsSeen: false })
  t.equal(passedOver.use, undefined)
  t.strictSame(passedOver.sightings, [], 'the store would not know what was seen')
})

t.test('nothing is noted without an answer of the directory, without a user, without a certificate', async (t) => {
  const answers: readonly Answer[] = [undefined, 'unavailable', { user: undefined, certificateRegistered: false }]
  for (const answer of answers) t.strictSame(note(answer), { use: undefined, sightings: [] })
  const none = { kind: 'none' } as unknown as typeof presented
  t.strictSame(note({ user, certificateRegistered: true, certificateUnused: true }, { as: none }), {
    use: undefined,
    sightings: [],
  })
})

t.test('nothing is noted of a certificate of another CA, or that names no login ID', async (t) => {
  const foreign = createTestCa({ commonName: 'other' }).issueClient({ commonName: 'user01' })
  const nameless = ca.issueClient({ commonName: undefined })
  for (const { der } of [foreign, nameless]) {
    const as = { kind: 'certificate', opinion: opinionOf(der) } as typeof presented
    t.strictSame(note({ user, certificateRegistered: false }, { as }), { use: undefined, sightings: [] })
  }
})
