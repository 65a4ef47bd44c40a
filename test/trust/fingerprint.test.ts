// Goal: an entry of the index stands for one subject of one kind.
// Method: equal and different inputs; a known digest.
import { createHash } from 'node:crypto'
import t from 'tap'
import { type EntryKind, fingerprintOf } from '../../src/trust/fingerprint.ts'

const kinds: readonly EntryKind[] = ['revoked', 'superseded', 'suspended', 'password_mode', 'login_rule']

t.test('the same subject gives the same fingerprint, of four 32-bit words', async (t) => {
  const found = fingerprintOf('revoked', 'a:1')
  t.strictSame(found, fingerprintOf('revoked', 'a:1'))
  const digest = createHash('sha256').update('revoked\0a:1').digest()
  t.strictSame(
    found,
    [0, 4, 8, 12].map((at) => digest.readUInt32LE(at)),
  )
})

t.test('kinds and subjects do not run into each other', async (t) => {
  const subjects = ['a', 'b', '', 'a\0', 'revoked', 'ｕser01', 'user01']
  const all = kinds.flatMap((kind) => subjects.map((subject) => fingerprintOf(kind, subject).join()))
  t.equal(new Set(all).size, all.length)
})
