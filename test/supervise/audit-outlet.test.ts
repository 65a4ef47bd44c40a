// Goal: audit records keep their order and are counted when lost, while the one who may write them changes. Method: writers that
// only remember.
import t from 'tap'
import { AuditOutlet } from '../../src/supervise/audit-outlet.ts'

function createWriter() {
  const told: unknown[] = []
  return { told, write: (records: readonly string[], dropped: number) => void told.push([...records, dropped]) }
}

t.test('records wait for a writer, in order, and follow it', async (t) => {
  const outlet = new AuditOutlet<string>()
  const [first, second] = [createWriter(), createWriter()]
  outlet.record('a')
  outlet.take(['b', 'c'], 0)
  outlet.use(first.write)
  outlet.record('d')
  outlet.hold()
  outlet.record('e')
  t.strictSame(first.told, [
    ['a', 'b', 'c', 0],
    ['d', 0],
  ])
  outlet.use(second.write)
  outlet.use(first.write)
  t.strictSame(second.told, [['e', 0]], 'each once')
})

t.test('more than it keeps is counted, and the loss told first', async (t) => {
  const outlet = new AuditOutlet<string>()
  for (let n = 0; n < 10_003; n++) outlet.record(String(n))
  outlet.take(['late'], 5)
  let [told, lost] = [0, 0]
  outlet.use((records, dropped) => {
    told += records.length
    lost += dropped
  })
  t.equal(told, 10_000)
  t.equal(lost, 9)
})

t.test('what another process lost is told at once where there is a writer', async (t) => {
  const outlet = new AuditOutlet<string>()
  const writer = createWriter()
  outlet.use(writer.write)
  outlet.take([], 3)
  t.strictSame(writer.told, [[3]])
})
