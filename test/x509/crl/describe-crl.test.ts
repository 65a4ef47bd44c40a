// Goal: what `sekisho crl inspect` shows of a list says everything that it says, in plain words, and cannot trick a terminal.
// Method: one list with everything in it, one with nothing, names with special characters.
import t from 'tap'
import { describeCrl } from '../../../src/x509/crl/describe-crl.ts'
import { encodeName } from '../../../src/x509/encode-name.ts'
import { subjectOf } from '../../helpers/test-ca.ts'
import * as written from './written-list.ts'
import { entryOf, readBytes, reasonExtension, writeList } from './written-list.ts'

t.test('a list with everything in it', async (t) => {
  const list = writeList({
    entries: [
      entryOf('1', { extensions: [reasonExtension(6)] }),
      entryOf('2', { extensions: [reasonExtension(8)] }),
      entryOf('3', { extensions: [written.unknownExtension(true)] }),
      entryOf(Uint8Array.of(2, 1, 0)),
    ],
    extensions: [
      written.keyExtension(),
      written.numberExtension(255),
      written.deltaExtension(254),
      written.pointExtension(written.flag(0x81)),
      written.unknownExtension(true),
    ],
  })
  const reading = readBytes(list)
  const description = describeCrl(reading)
  t.strictSame(description, {
    version: 2,
    issuer: 'C=JP, O=Test Bank, CN=crl-ca',
    thisUpdate: '2026-01-01T00:00:00.000Z',
    nextUpdate: '2026-02-01T00:00:00.000Z',
    number: '255',
    deltaBase: '254',
    authorityKeyIdentifier: Buffer.from(reading.authorityKeyIdentifier ?? []).toString('hex'),
    entries: 3,
    entriesPassedOver: 1,
    reasons: { unspecified: 1, certificateHold: 1, removeFromCRL: 1 },
    distributionPoint: {
      onlyContainsUserCerts: true,
      onlyContainsCaCerts: false,
      onlyContainsAttributeCerts: false,
      indirect: false,
      onlySomeReasons: false,
    },
    hasOtherIssuers: false,
    signatureAlgorithm: 'ECDSA with SHA-256',
    signature: 'valid',
    unknownCriticalExtensions: ['1.2.3.4'],
    unknownCriticalEntryExtensions: ['1.2.3.4'],
    bytes: list.length,
  })
  t.strictSame(JSON.parse(JSON.stringify(description)), description, 'it is plain data')
})

t.test('a list with little in it', async (t) => {
  const list = writeList({ version: null, extensions: null, nextUpdate: null })
  t.match(describeCrl(readBytes(list, { publicKey: undefined })), {
    version: 1,
    nextUpdate: null,
    number: null,
    deltaBase: null,
    authorityKeyIdentifier: null,
    reasons: {},
    distributionPoint: null,
    signature: 'not checked',
  })
})

t.test('names are shown so that nothing in them passes for something else', async (t) => {
  const name = encodeName([...subjectOf('a, O=b\u001b[31m\u202e'), { oid: '1.2.3.4', value: '山田' }])
  const { issuer } = describeCrl(readBytes(writeList({ issuer: name })))
  t.equal(issuer, 'C=JP, O=Test Bank, CN=a\\, O=b\\1b[31m\\e2\\80\\ae, 1.2.3.4=山田')
})

t.test('algorithms by their names', async (t) => {
  const reading = readBytes(writeList())
  const shown = (oid: string, hash: string, keyType: 'rsa' | 'pss' | 'ed25519' | undefined) =>
    describeCrl({ ...reading, signatureAlgorithm: { oid, hash, keyType, saltLength: undefined } }).signatureAlgorithm
  t.equal(shown('1.2.840.113549.1.1.12', 'sha384', 'rsa'), 'RSA with SHA-384')
  t.equal(shown('1.2.840.113549.1.1.10', 'sha256', 'pss'), 'RSA-PSS with SHA-256')
  t.equal(shown('1.2.840.113549.1.1.10', 'unknown', undefined), 'RSA-PSS of an unknown form')
  t.equal(shown('1.3.101.112', 'intrinsic', 'ed25519'), 'Ed25519')
  t.equal(shown('1.2.3', 'unknown', undefined), '1.2.3')
  t.equal(describeCrl({ ...reading, signatureValid: false }).signature, 'invalid')
})
