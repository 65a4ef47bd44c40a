// Goal: a list in PEM gives the bytes of the list in DER, however its lines and the chunks end, and what is neither is refused.
// Method: one list in many spellings, in chunks of many sizes; openssl's own PEM with its text in front.
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { pemOrDer } from '../../../src/x509/crl/pem-or-der.ts'
import { readCrl } from '../../../src/x509/crl/read-crl.ts'
import { pemOf } from '../../../src/x509/pem.ts'
import { entryOf, inChunks, publicKey, writeList } from './written-list.ts'

const label = 'X509 CRL'
const der = writeList({ entries: Array.from({ length: 50 }, (_, n) => entryOf(`${n + 1}`)) })
const pem = pemOf(der, label)
const sizes = [1, 2, 3, 7, 64, 65, 4_096, 1_000_000]

function decode(bytes: Uint8Array, chunkBytes: number): Buffer {
  const pull = pemOrDer(inChunks(bytes, chunkBytes))
  const chunks: Uint8Array[] = []
  for (let chunk = pull(); chunk !== undefined; chunk = pull()) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}

t.test('every spelling gives the same bytes', async (t) => {
  const base64 = der.toString('base64')
  const text = execFileSync('openssl', ['crl', '-inform', 'DER', '-text'], { input: der }).toString()
  t.match(text, /^Certificate Revocation List/)
  const spellings: Record<string, string | Uint8Array> = {
    DER: der,
    PEM: pem,
    'with CRLF': pem.replaceAll('\n', '\r\n'),
    'with CR': pem.replaceAll('\n', '\r'),
    'without a last line end': pem.trimEnd(),
    'on one line': `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`,
    'a character a line': `-----BEGIN ${label}-----\n${base64.split('').join('\r\n')}\r\n-----END ${label}-----\n`,
    'with text around it': `Issued by the CA - monthly ---\n\n${pem}\nend - of -- file ----- \n`,
    'with a byte order mark': `\ufeff${pem}`,
    'as openssl writes it': text,
    'with 60 KiB of text in front': `${'#'.repeat(61_440)}\n${pem}`,
  }
  for (const [name, bytes] of Object.entries(spellings)) {
    for (const size of sizes) t.equal(Buffer.compare(decode(Buffer.from(bytes), size), der), 0, `${name}, ${size}`)
  }
})

t.test('lists of every length modulo three', async (t) => {
  for (const length of [der.length - 1, der.length - 2, der.length - 3]) {
    const part = der.subarray(0, length)
    for (const size of [1, 5, 4_096]) t.equal(Buffer.compare(decode(Buffer.from(pemOf(part, label)), size), part), 0)
  }
})

t.test('what is neither DER nor PEM', async (t) => {
  const body = der.toString('base64')
  const padded = Buffer.from(der.subarray(0, 100)).toString('base64')
  const block = (text: string) => `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`
  const rows: Record<string, [text: string, message: RegExp]> = {
    'a page': ['<!doctype html><title>404</title>', /neither DER nor PEM at byte 0$/],
    'text without an end': ['x'.repeat(70_000), /neither DER nor PEM/],
    'text in front that is too long': [`${'#'.repeat(70_000)}\n${pem}`, /neither DER nor PEM/],
    'a certificate': [pem.replaceAll(label, 'CERTIFICATE'), /a PEM block of another kind at byte 0$/],
    'a certificate in front': [block('AAAA').replaceAll(label, 'CERTIFICATE') + pem, /a PEM block of another kind/],
    'two lists': [pem + pem, new RegExp(`a second PEM block at byte ${pem.length}$`)],
    'a certificate behind': [pem + block('AAAA').replaceAll(label, 'CERTIFICATE'), /a second PEM block/],
    'too much text behind': [pem + '#'.repeat(70_000), /too much text after the PEM block/],
    'no end': [pem.slice(0, 300), /the PEM block has no end at byte 300$/],
    'an end that is cut off': [pem.slice(0, -4), /the PEM block has no end/],
    'another end': [pem.replace('END X509 CRL', 'END CERTIFICATE'), /the PEM block has no end/],
    'a header': [pem.replace('-\n', '-\nProc-Type: 4,ENCRYPTED\n\n'), /a character that is not base64/],
    'a character that is not base64': [block(`${body.slice(0, 40)}*${body.slice(40)}`), /not base64 at byte 65$/],
    'base64 that is cut off': [block(padded.replaceAll('=', '')), /base64 is cut off/],
    'padding within': [block(`AA==${body}`), /padding/],
    'too much padding': [block('AAAAA==='), /misplaced base64 padding/],
    'endless white space': [block(`${body}${' '.repeat(80_000)}`), /too much white space/],
  }
  for (const [name, [text, message]] of Object.entries(rows)) {
    for (const size of [1, 61, 1_000_000]) {
      const wrong = { code: 'crl_unreadable', path: /^byte \d+$/, message }
      t.throws(() => decode(Buffer.from(text, 'latin1'), size), wrong, `${name}, ${size}`)
    }
  }
  t.equal(decode(new Uint8Array(), 1).length, 0, 'nothing at all gives nothing, which is then no list')
})

t.test('faults behind the block are found by whoever reads the list', async (t) => {
  const read = (text: string) =>
    readCrl(pemOrDer(inChunks(Buffer.from(text), 512)), { entriesMax: 100, bytesMax: 10_000, publicKey })
  t.equal(read(pem).signatureValid, true)
  t.equal(read(pem).bytes, der.length)
  t.throws(() => read(pem + pem), { code: 'crl_unreadable', message: /a second PEM block/ })
  t.throws(() => read(pemOf(Buffer.concat([der, der]), label)), { message: /surplus bytes/ })
  t.throws(() => read(''), { code: 'crl_unreadable', path: 'byte 0' })
})
