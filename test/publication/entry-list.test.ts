// Goal: the list of entries says what was added and not taken away, whatever the order, and parts that are served never change.
// Method: compare it with a plain map over many random steps, and read its DER back.
import t from 'tap'
import { EntryList } from '../../src/publication/entry-list.ts'
import type { CrlEntry } from '../../src/publication/ports.ts'
import { readWrittenEntry } from '../../src/x509/crl/build-crl.ts'

const entryOf = (serial: string, changes: Partial<CrlEntry> = {}): CrlEntry => ({
  serial,
  revokedAtMs: 1_700_000_000_000,
  reasonCode: 1,
  version: 1,
  ...changes,
})

function serialsIn(parts: readonly Uint8Array[]): string[] {
  return parts
    .flatMap((part) => {
      const serials: string[] = []
      for (let at = 0; at < part.length; at = readWrittenEntry(part, at).end) {
        const length = part[at + 3] as number
        serials.push(
          Buffer.from(part.subarray(at + 4, at + 4 + length))
            .toString('hex')
            .replace(/^0+/, ''),
        )
      }
      return serials
    })
    .toSorted()
}

t.test('an entry that is there keeps the earlier date and its reason, and the later version', async (t) => {
  const list = new EntryList()
  t.ok(list.add(entryOf('a1', { revokedAtMs: 5_000_500, reasonCode: 1, version: 5 })))
  t.notOk(list.add(entryOf('a1', { revokedAtMs: 9_000_000, reasonCode: 4, version: 9 })))
  t.strictSame(list.find('a1'), { revokedAtMs: 5_000_000, reasonCode: 1, version: 9 })
  t.ok(list.add(entryOf('a1', { revokedAtMs: 4_000_000, reasonCode: 0, version: 3 })))
  t.strictSame(list.find('a1'), { revokedAtMs: 4_000_000, reasonCode: 0, version: 9 })
  t.ok(list.add(entryOf('a1', { revokedAtMs: 4_000_900, reasonCode: 9, version: 3 })), 'a reason for the same second')
  t.strictSame(list.find('a1'), { revokedAtMs: 4_000_000, reasonCode: 9, version: 9 })
  t.equal(list.count, 1)
  t.strictSame(serialsIn(list.parts()), ['a1'])
  t.equal(list.find('a'), undefined, 'nor a serial number that begins alike')
})

t.test('what is newer counts, ties mean revoked', async (t) => {
  const list = new EntryList()
  list.add(entryOf('b', { version: 5 }))
  t.notOk(list.remove('b', 4))
  t.notOk(list.remove('b', 5), 'a tie')
  t.ok(list.remove('b', 6))
  t.equal(list.find('b'), undefined)
  t.notOk(list.add(entryOf('b', { version: 5 })), 'an older page of the store comes late')
  t.equal(list.count, 0)
  t.ok(list.add(entryOf('b', { version: 7 })))
  t.match(list.find('b'), { version: 7 })
})

t.test('what has changed since a version', async (t) => {
  const list = new EntryList()
  list.add(entryOf('1', { version: 1 }))
  list.add(entryOf('2', { version: 2 }))
  list.add(entryOf('3', { version: 3 }))
  list.remove('1', 4)
  list.remove('ff', 5)
  const changes = list.changesSince(2, 1_800_000_000_000)
  t.strictSame(serialsIn(changes.parts), ['1', '3', 'ff'])
  t.equal(changes.count, 3)
  t.equal(changes.bytes, changes.parts[0]?.length)
  t.strictSame(serialsIn(list.changesSince(4, 0).parts), ['ff'])
  t.strictSame(list.changesSince(5, 0), { parts: [], bytes: 0, count: 0 })
})

t.test('a hundred thousand random steps agree with a map', async (t) => {
  const list = new EntryList()
  const wanted = new Map<string, number>()
  const removed = new Map<string, number>()
  let state = 12_345
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  let kept: { parts: readonly Uint8Array[]; copy: Buffer } | undefined
  for (let version = 1; version <= 100_000; version++) {
    const serial = (random(30_000) * 7_919 + 1).toString(16)
    if (random(3) > 0) {
      const revokedAtMs = random(2_000_000_000) * 1_000
      list.add(entryOf(serial, { version, revokedAtMs }))
      wanted.set(serial, Math.min(revokedAtMs, wanted.get(serial) ?? revokedAtMs))
      removed.delete(serial)
    } else {
      list.remove(serial, version)
      wanted.delete(serial)
      removed.set(serial, version)
    }
    if (version === 50_000) {
      const parts = list.parts()
      kept = { parts, copy: Buffer.concat(parts) }
    }
  }
  t.equal(list.count, wanted.size)
  for (const [serial, revokedAtMs] of wanted) if (list.find(serial)?.revokedAtMs !== revokedAtMs) t.fail(serial)
  for (const serial of removed.keys()) if (list.find(serial) !== undefined) t.fail(`${serial} is still there`)
  const parts = list.parts()
  t.strictSame(serialsIn(parts), [...wanted.keys()].toSorted())
  t.equal(
    list.bytes,
    parts.reduce((sum, part) => sum + part.length, 0),
  )
  t.ok(kept !== undefined && Buffer.concat(kept.parts).equals(kept.copy), 'parts given before are as they were')
})

t.test('parts are the memory itself as long as nothing is taken away', async (t) => {
  const list = new EntryList()
  for (let serial = 1; serial <= 50_000; serial++) list.add(entryOf(serial.toString(16), { version: serial }))
  const [before] = list.parts()
  const [after] = list.parts()
  t.equal(before?.buffer, after?.buffer)
  list.remove('1', 60_000)
  const [squeezed, ...rest] = list.parts()
  t.not(squeezed?.buffer, before?.buffer)
  t.ok(rest.length > 0)
  t.equal(serialsIn(list.parts()).length, 49_999)
})
