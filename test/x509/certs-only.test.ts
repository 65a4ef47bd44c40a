// Goal: certificates travel as EST wants them (RFC 7030 4.1.3, 4.5.2): OpenSSL reads ours, and we read OpenSSL's and refuse the rest.
// Method: messages both ways, single faults, seeded random damage.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { buildCertsOnly, decodeEstBody, encodeEstBody, readCertsOnly } from '../../src/x509/certs-only.ts'
import { buildCsrAttributes } from '../../src/x509/csr-attributes.ts'
import { tags } from '../../src/x509/der-reader.ts'
import { derElement, derInteger, derOid, derSequence } from '../../src/x509/der-writer.ts'
import { oids } from '../../src/x509/oids.ts'
import { pemBlocks } from '../../src/x509/pem.ts'
import { createTestCa } from '../helpers/test-ca.ts'

const ca = createTestCa({ commonName: 'ca' })
const cas = [ca, createTestCa({ commonName: 'ca2', keyKind: 'rsa2048' }), createTestCa({ commonName: 'ca3' })]
const ders = cas.map(({ der }) => Buffer.from(der))

t.test('openssl pkcs7 prints the certificates of our messages', async (t) => {
  for (const count of [1, 2, 3]) {
    const message = buildCertsOnly(ders.slice(0, count))
    const arguments_ = ['pkcs7', '-inform', 'DER', '-print_certs']
    const printed = pemBlocks(execFileSync('openssl', arguments_, { input: message }).toString(), 'CERTIFICATE')
    t.same(printed.map(Buffer.from).sort(Buffer.compare), ders.slice(0, count).sort(Buffer.compare))
    t.same(readCertsOnly(message).map(Buffer.from), ders.slice(0, count).sort(Buffer.compare))
  }
})

t.test('messages of OpenSSL are read', async (t) => {
  const folder = t.testdir()
  const files = cas.flatMap(({ certificatePem }, index) => {
    const file = join(folder, `${index}.pem`)
    writeFileSync(file, certificatePem)
    return ['-certfile', file]
  })
  const message = execFileSync('openssl', ['crl2pkcs7', '-nocrl', '-outform', 'DER', ...files])
  t.same(readCertsOnly(message).map(Buffer.from).sort(Buffer.compare), [...ders].sort(Buffer.compare))
})

t.test('messages that are something else are refused', async (t) => {
  const message = (parts: { type?: string; content?: Uint8Array; list?: Uint8Array; signers?: Uint8Array }) => {
    const signedData = derSequence(
      derInteger('1'),
      derElement(tags.set),
      derSequence(derOid(oids.data), ...(parts.content === undefined ? [] : [parts.content])),
      ...(parts.list === undefined ? [] : [parts.list]),
      parts.signers ?? derElement(tags.set),
    )
    return derSequence(derOid(parts.type ?? oids.signedData), derElement(0xa0, signedData))
  }
  const list = derElement(0xa0, ca.der)
  t.equal(readCertsOnly(message({ list })).length, 1, 'the twin that is read')
  for (const parts of [
    { list, type: oids.data },
    { list, content: derElement(0xa0, derElement(tags.octetString)) },
    { list, signers: derElement(tags.set, derSequence()) },
    { list: derElement(0xa0) },
    { list: derElement(0xa0, derElement(0xa1)) },
    { list: derElement(0xa0, ...Array.from({ length: 17 }, () => ca.der)) },
    {},
  ]) {
    t.throws(() => readCertsOnly(message(parts)), { code: 'certificate_unreadable' })
  }
  t.throws(() => readCertsOnly(Buffer.from('3080', 'hex')), { code: 'certificate_unreadable' }, 'BER')
})

t.test('damaged messages throw nothing but certificate_unreadable', async (t) => {
  const original = buildCertsOnly(ders)
  let state = 0xce27
  const random = (below: number) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  let refused = 0
  for (let round = 0; round < 10_000; round++) {
    const der = Uint8Array.from(original)
    der[random(2) === 0 ? random(der.length) : random(64)] = random(256)
    try {
      readCertsOnly(der)
    } catch (fault) {
      if (!(fault instanceof GatewayError) || fault.code !== 'certificate_unreadable') throw fault
      refused++
    }
  }
  t.ok(refused > 1_000, `${refused} refused`)
})

t.test('bodies are base64 in lines, and read whatever the line ends', async (t) => {
  for (const length of [1, 57, 58, 2_000]) {
    const der = Uint8Array.from({ length }, (_, index) => index & 0xff)
    const body = encodeEstBody(der)
    t.match(body, /^([A-Za-z0-9+/=]{1,76}\r\n)+$/)
    t.same(decodeEstBody(body), der)
    t.same(decodeEstBody(body.replaceAll('\r\n', '\n')), der)
    t.same(decodeEstBody(` ${body.replaceAll('\r\n', '')}`), der)
  }
  for (const text of ['', 'AAA', 'AA-A', 'A===', '<html>']) {
    t.throws(() => decodeEstBody(text), { code: 'certificate_unreadable' }, text)
  }
})

t.test('csrattrs names key, hash and purpose', async (t) => {
  const printed = (keyType: 'P-256' | 'P-384' | 'RSA-2048') =>
    execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input: buildCsrAttributes(keyType) }).toString()
  t.match(printed('P-256'), /id-ecPublicKey[\s\S]*prime256v1[\s\S]*Extension Request[\s\S]*ecdsa-with-SHA256/)
  t.match(printed('P-384'), /id-ecPublicKey[\s\S]*secp384r1[\s\S]*ecdsa-with-SHA384/)
  t.match(
    printed('RSA-2048'),
    /rsaEncryption[\s\S]*INTEGER +:0800[\s\S]*Extended Key Usage[\s\S]*sha256WithRSAEncryption/,
  )
})
