// Goal: lists of ours are what OpenSSL takes for a CRL, entry for entry, and are refused once a byte is another one.
// Method: build complete and delta lists over entries with every form of serial number and date, and ask the openssl program.
import { sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import {
  assembleCrl,
  buildCrlTbs,
  type CrlEntryFields,
  type CrlTemplate,
  encodeCrlEntry,
  readWrittenEntry,
} from '../../../src/x509/crl/build-crl.ts'
import { readIssuingCa } from '../../../src/x509/issuing-ca.ts'
import { digestOf, signingAlgorithmOf } from '../../../src/x509/signing-algorithm.ts'
import { run } from '../../helpers/openssl-client.ts'
import { createTestCa, type KeyKind, type TestCa } from '../../helpers/test-ca.ts'

const nowMs = Date.now()
const dayMs = 86_400_000

type Wanted = Partial<Pick<CrlTemplate, 'number' | 'deltaBase' | 'freshestUrl' | 'nextUpdateMs'>>

function signed(ca: TestCa, entries: readonly CrlEntryFields[], wanted: Wanted = {}): Buffer {
  const algorithm = signingAlgorithmOf(ca.privateKey)
  const parts = entries.map(encodeCrlEntry)
  const tbs = buildCrlTbs({
    issuer: issuingCa(ca),
    algorithm,
    thisUpdateMs: nowMs - 60_000,
    nextUpdateMs: nowMs + dayMs,
    number: 7,
    entryParts: parts,
    entryBytes: parts.reduce((sum, part) => sum + part.length, 0),
    ...wanted,
  })
  const signature = sign(digestOf(algorithm), Buffer.concat(tbs), ca.privateKey)
  return Buffer.concat(assembleCrl(tbs, algorithm, signature))
}

const issuingCa = (ca: TestCa) =>
  readIssuingCa({ name: 'bank-ca', certificatePem: ca.certificatePem, chainPems: ca.parentPems }, nowMs)

/** What `openssl crl` says of it, its verdict on the signature included. */
async function read(t: Test, ca: TestCa, der: Uint8Array): Promise<string> {
  const folder = t.testdir({ 'ca.pem': ca.certificatePem })
  writeFileSync(`${folder}/list.crl`, der)
  const args = ['crl', '-inform', 'der', '-in', `${folder}/list.crl`, '-noout', '-text', '-CAfile', `${folder}/ca.pem`]
  const { stdout, stderr } = await run('openssl', args)
  return `${stdout}${stderr}`
}

const at = (iso: string) => Date.parse(iso)

t.test('every kind of key signs a list that openssl verifies', async (t) => {
  for (const keyKind of ['p256', 'p384', 'p521', 'rsa2048', 'ed25519'] satisfies KeyKind[]) {
    const ca = createTestCa({ commonName: 'Bank CA', keyKind })
    const der = signed(ca, [{ serial: '1a2b', revokedAtMs: at('2026-01-02T03:04:05.678Z'), reasonCode: 1 }])
    const text = await read(t, ca, der)
    t.match(text, /verify OK/, keyKind)
    t.match(text, /Version 2/)
    t.match(text, /X509v3 CRL Number:\s+7\b/)
    t.match(text, /X509v3 Authority Key Identifier:/)
    t.match(text, /Serial Number: 1A2B\s+Revocation Date: Jan {2}2 03:04:05 2026 GMT/)
    t.match(text, /X509v3 CRL Reason Code:\s+Key Compromise/)
    der[der.length - 100] = (der[der.length - 100] as number) ^ 1
    t.notMatch(await read(t, ca, der), /verify OK/, 'a changed list is refused')
  }
})

t.test('serial numbers, dates and reasons are read back as they were', async (t) => {
  const ca = createTestCa({ commonName: 'Bank CA' })
  const entries: CrlEntryFields[] = [
    { serial: '1', revokedAtMs: 0, reasonCode: 0 },
    { serial: '80', revokedAtMs: at('2049-12-31T23:59:59Z'), reasonCode: 4 },
    { serial: 'abc', revokedAtMs: at('2050-01-01T00:00:00Z'), reasonCode: 9 },
    { serial: '7f'.repeat(20), revokedAtMs: at('2026-11-30T10:20:30Z'), reasonCode: 10 },
    { serial: 'ff'.repeat(20), revokedAtMs: at('2031-02-28T00:00:01Z'), reasonCode: 5 },
  ]
  const text = await read(t, ca, signed(ca, entries))
  t.match(text, /verify OK/)
  for (const { serial } of entries) {
    const octets = serial.length % 2 === 0 ? serial : `0${serial}`
    t.match(text, new RegExp(`Serial Number: (00)?${octets.toUpperCase()}\\n`), serial)
  }
  t.match(text, /Revocation Date: Jan {2}1 00:00:00 2050 GMT/)
  t.equal(text.match(/CRL Reason Code/g)?.length, 4, 'an unspecified reason is not written')
  for (const entry of entries) {
    const der = encodeCrlEntry(entry)
    const { revokedAtMs, reasonCode } = entry
    t.strictSame(readWrittenEntry(der, 0), { revokedAtMs, reasonCode, end: der.length })
  }
  for (const revokedAtMs of [Number.NaN, -1, 1e20]) {
    t.match(
      await read(t, ca, signed(ca, [{ serial: '5', revokedAtMs, reasonCode: 0 }])),
      /verify OK/,
      String(revokedAtMs),
    )
  }
})

t.test('a list without entries, and a delta list', async (t) => {
  const ca = createTestCa({ commonName: 'Bank CA' })
  const empty = await read(t, ca, signed(ca, [], { freshestUrl: 'https://bank.example/pki/bank-ca-delta.crl' }))
  t.match(empty, /No Revoked Certificates/)
  t.match(empty, /verify OK/)
  t.match(empty, /Freshest CRL:\s+Full Name:\s+URI:https:\/\/bank\.example\/pki\/bank-ca-delta\.crl/)
  const removed = [{ serial: '9', revokedAtMs: nowMs, reasonCode: 8 }]
  const delta = await read(t, ca, signed(ca, removed, { deltaBase: 5, freshestUrl: 'https://never.example' }))
  t.match(delta, /Delta CRL Indicator: critical\s+5\b/)
  t.match(delta, /Remove From CRL/)
  t.notMatch(delta, /Freshest CRL/, 'RFC 5280 5.2.6')
})

t.test('openssl verify takes complete and delta lists', async (t) => {
  const root = createTestCa({ commonName: 'Root' })
  const [good, revoked, fresh, back] = ['1001', '1002', '1003', '1004'].map((serial) =>
    root.issueClient({ commonName: 'user01', serial }),
  )
  const entry = (serial: string, reasonCode = 1) => ({ serial, revokedAtMs: nowMs - 90_000, reasonCode })
  const freshestUrl = 'https://bank.example/pki/bank-ca-delta.crl'
  const complete = signed(root, [entry('1002'), entry('1004')], { number: 5, freshestUrl })
  const delta = signed(root, [entry('1003'), entry('1004', 8)], { number: 6, deltaBase: 5 })
  const folder = t.testdir({ 'ca.pem': root.certificatePem })
  writeFileSync(`${folder}/complete.crl`, pem(complete))
  writeFileSync(`${folder}/delta.crl`, pem(delta))
  const verdict = async (certificatePem: string | undefined, options: readonly string[]) => {
    writeFileSync(`${folder}/client.pem`, certificatePem ?? '')
    const lists = ['-CRLfile', `${folder}/complete.crl`, '-CRLfile', `${folder}/delta.crl`]
    const args = ['verify', '-CAfile', `${folder}/ca.pem`, '-crl_check', ...lists, ...options, `${folder}/client.pem`]
    const { stdout, stderr } = await run('openssl', args)
    return `${stdout}${stderr}`
  }
  const deltas = ['-use_deltas', '-extended_crl']
  t.match(await verdict(good?.certificatePem, []), /: OK/)
  t.match(await verdict(revoked?.certificatePem, []), /certificate revoked/)
  t.match(await verdict(fresh?.certificatePem, []), /: OK/, 'the complete list alone does not know of it')
  t.match(await verdict(good?.certificatePem, deltas), /: OK/)
  t.match(await verdict(revoked?.certificatePem, deltas), /certificate revoked/)
  t.match(await verdict(fresh?.certificatePem, deltas), /certificate revoked/)
  t.match(await verdict(back?.certificatePem, []), /certificate revoked/)
  t.match(await verdict(back?.certificatePem, deltas), /: OK/, 'removeFromCRL')
})

function pem(der: Buffer): string {
  return `-----BEGIN X509 CRL-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`
}
