// Goal: an issuing CA that could not be trusted later is refused at the start, with the reason; a good one is read.
// Method: chains made in memory, each with one defect.
import t from 'tap'
import { derElement } from '../../src/x509/der-writer.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { createTestCa, type TestCa } from '../helpers/test-ca.ts'

const nowMs = Date.parse('2026-06-01T00:00:00Z')
const window = { notBeforeMs: Date.parse('2025-01-01T00:00:00Z'), notAfterMs: Date.parse('2030-01-01T00:00:00Z') }
const read = (ca: TestCa, chainPems: readonly string[] = ca.parentPems, at = nowMs) =>
  readIssuingCa({ name: 'main', certificatePem: ca.certificatePem, chainPems }, at)
const refused = (message: RegExp) => ({ code: 'config_invalid', path: 'issuers.main', message })

const root = createTestCa({ commonName: 'root', ...window })
const middle = root.childCa({ commonName: 'middle', pathLength: 1, ...window })
const issuing = middle.childCa({ commonName: 'issuing', pathLength: 0, ...window })

t.test('a good chain', async (t) => {
  const ca = read(issuing)
  t.match(ca, {
    name: 'main',
    issuerId: issuing.issuerId,
    commonName: 'issuing',
    certificatePem: issuing.certificatePem,
  })
  t.same(
    ca.chain.map(({ subject }) => subject.at(-1)?.value),
    ['middle', 'root'],
  )
  t.equal(ca.publicKey.asymmetricKeyType, 'ec')
  t.same(ca.subjectNameDer, ca.certificate.subjectNameDer)
  t.equal(read(issuing, [issuing.parentPems.join('')]).chain.length, 2, 'both in one file')
  t.equal(read(issuing, []).chain.length, 0, 'without a chain')
  t.equal(read(root).chain.length, 0, 'a root that issues itself')
  for (const keyKind of ['rsa2048', 'p384', 'ed25519'] as const) {
    const parent = createTestCa({ commonName: 'r', keyKind, ...window })
    t.equal(read(parent.childCa({ commonName: 'c', keyKind, ...window })).chain.length, 1, keyKind)
  }
})

t.test('the validity window, to the second', async (t) => {
  t.ok(read(issuing, issuing.parentPems, window.notBeforeMs))
  t.ok(read(issuing, issuing.parentPems, window.notAfterMs + 999))
  t.throws(() => read(issuing, issuing.parentPems, window.notBeforeMs - 1), refused(/certificate is valid from/))
  t.throws(() => read(issuing, issuing.parentPems, window.notAfterMs + 1_000), refused(/certificate is valid from/))
  const oldRoot = createTestCa({ commonName: 'old', notBeforeMs: window.notBeforeMs, notAfterMs: nowMs - 1_000 })
  t.throws(() => read(oldRoot.childCa({ commonName: 'c', ...window })), refused(/chain\[0\] is valid from/))
})

t.test('files that do not hold what they should', async (t) => {
  const bad =
    (certificatePem: string, chainPems: string[] = []) =>
    () =>
      readIssuingCa({ name: 'main', certificatePem, chainPems }, nowMs)
  t.throws(bad(''), refused(/no PEM certificate/))
  t.throws(bad(root.keyPem), refused(/no PEM certificate/))
  t.throws(bad(root.certificatePem + middle.certificatePem), refused(/must hold one certificate and holds 2/))
  t.throws(bad(root.certificatePem.replace(/\n..../, '\nAAAA')), refused(/certificate is unreadable/))
  t.throws(bad(issuing.certificatePem, ['no PEM']), refused(/chain\[0\] holds no PEM certificate/))
})

t.test('certificates that are no CA', async (t) => {
  const leaf = root.issueClient({ commonName: 'user01', ...window })
  const asIssuer = (certificatePem: string) => () =>
    readIssuingCa({ name: 'main', certificatePem, chainPems: [] }, nowMs)
  t.throws(asIssuer(leaf.certificatePem), refused(/is not a CA/))
  t.throws(() => read(createTestCa({ commonName: 'x', basicConstraints: null, ...window })), refused(/is not a CA/))
  t.throws(() => read(createTestCa({ commonName: 'x', keyUsage: ['cRLSign'], ...window })), refused(/key usage/))
  t.ok(read(createTestCa({ commonName: 'x', keyUsage: null, ...window })), 'no key usage at all restricts nothing')
  const strange = [{ oid: '1.2.3.4', critical: true, valueDer: derElement(5) }]
  t.throws(() => read(createTestCa({ commonName: 'x', otherExtensions: strange, ...window })), refused(/1\.2\.3\.4/))
})

t.test('links that do not hold', async (t) => {
  const twin = createTestCa({ commonName: 'root', ...window })
  t.throws(
    () => read(issuing, [middle.certificatePem, twin.certificatePem]),
    refused(/was not signed by/),
    'same name, other key',
  )
  t.throws(() => read(issuing, [root.certificatePem]), refused(/names differ/), 'one left out')
  t.throws(() => read(issuing, [root.certificatePem, middle.certificatePem]), refused(/names differ/), 'wrong order')
  t.throws(() => read(issuing, [middle.certificatePem]), refused(/no self-signed root/), 'not up to the root')
})

t.test('path lengths and name constraints between CAs', async (t) => {
  const tooDeep = issuing.childCa({ commonName: 'below', ...window })
  t.throws(() => read(tooDeep), refused(/path length/))
  const strictRoot = createTestCa({
    commonName: 'strict',
    nameConstraints: {
      permitted: [],
      excluded: [{ kind: 'directoryName', der: Buffer.from(read(root).subjectNameDer) }],
    },
    ...window,
  })
  t.ok(read(strictRoot.childCa({ commonName: 'c', ...window })))
  t.throws(() => read(strictRoot.childCa({ commonName: 'root', ...window })), refused(/breaks a name constraint/))
})
