// Goal: whatever the bytes, reading ends, throws nothing but certificate_unreadable, and agrees with OpenSSL.
// Method: every truncation, and seeded random changes, of certificates rich in extensions.
import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import { createTestCa } from '../helpers/test-ca.ts'

const ca = createTestCa({
  commonName: 'mutation-ca',
  pathLength: 1,
  nameConstraints: {
    permitted: [{ kind: 'email', value: '.jp' }],
    excluded: [{ kind: 'ip', bytes: new Uint8Array(8) }],
  },
})
const leaf = ca.issueClient({
  commonName: 'user01',
  subjectAltNames: [
    { kind: 'dns', value: 'a.example.jp' },
    { kind: 'ip', bytes: Uint8Array.of(127, 0, 0, 1) },
    { kind: 'directoryName', der: encodeName([{ oid: '2.5.4.3', value: 'x' }]) },
    { kind: 'otherName', oid: '1.2.3', value: 'y' },
  ],
})
const rsa = createTestCa({ commonName: 'rsa-ca', keyKind: 'rsa2048' })
const originals = [leaf.der, ca.der, rsa.der]

/** Repeatable random numbers (xorshift, 32 bits). */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** What reading gives: the certificate, or undefined when it is refused in the way it must be. */
function attempt(der: Uint8Array) {
  try {
    return readCertificate(der)
  } catch (fault) {
    if (fault instanceof GatewayError && fault.code === 'certificate_unreadable') return undefined
    throw fault
  }
}

t.test('every truncation is refused', async (t) => {
  for (const der of originals) {
    const read = Array.from(der.keys()).filter((length) => attempt(der.subarray(0, length)) !== undefined)
    t.same(read, [])
  }
})

t.test('random changes', async (t) => {
  const random = seeded(0x5e1c150)
  let readable = 0
  let refused = 0
  const disagreements: string[] = []
  for (let round = 0; round < 30_000; round++) {
    const der = Uint8Array.from(originals[round % originals.length] as Uint8Array)
    for (let change = 0; change <= random(3); change++) {
      // Half of the changes go to tags and lengths near the front, where they hurt most.
      der[random(2) === 0 ? random(der.length) : random(64)] = random(256)
    }
    const read = attempt(der)
    if (read === undefined) {
      refused++
      continue
    }
    readable++
    const theirs = parseNatively(der)
    if (theirs === undefined) continue
    const same =
      theirs.serialNumber.toLowerCase().replace(/^0+/, '') === read.serial &&
      // Node says no also for damaged key usages and key identifiers; where it says yes, we must.
      (!theirs.ca || read.basicConstraints?.ca === true) &&
      theirs.validToDate.getTime() === read.notAfterMs
    if (!same)
      disagreements.push(`round ${round}: ${read.serial} ${theirs.serialNumber} ${read.notAfterMs} ${theirs.validTo}`)
  }
  t.same(disagreements, [])
  t.ok(readable > 3_000, `${readable} read`)
  t.ok(refused > 3_000, `${refused} refused`)
})

function parseNatively(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der)
  } catch {
    return undefined
  }
}
