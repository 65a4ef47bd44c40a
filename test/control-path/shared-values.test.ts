// Goal: the values that gateways share outlive a store that is away and one that was emptied, and no gateway's change is lost.
// Method: a store in memory that can be emptied or switched off; real files.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { SharedValues } from '../../src/control-path/shared-values.ts'
import type { MetaName, MetaValue } from '../../src/control-path/store-port.ts'
import { updateMeta } from '../../src/control-path/update-meta.ts'

class ValueStore {
  readonly values = new Map<MetaName, MetaValue>()
  fault: 'store_unavailable' | 'store_read_only' | undefined

  async readMeta(name: MetaName): Promise<MetaValue | undefined> {
    if (this.fault === 'store_unavailable') throw new GatewayError(this.fault, 'away')
    return this.values.get(name)
  }

  async writeMeta(name: MetaName, value: string, expectedRevision: number): Promise<boolean> {
    if (this.fault !== undefined) throw new GatewayError(this.fault, 'away')
    const revision = this.values.get(name)?.revision ?? 0
    if (revision !== expectedRevision) return false
    this.values.set(name, { value, revision: revision + 1 })
    return true
  }
}

const lines: string[] = []
const log = { info: () => {}, warn: (line: string) => void lines.push(line), error: () => {} }

t.test('what was read or written once is there while the store is away, also after a restart', async (t) => {
  const store = new ValueStore()
  const file = join(t.testdir(), 'values.json')
  const values = new SharedValues({ store, file, log })
  t.equal(await values.readMeta('sealingKeys'), undefined)
  t.ok(await values.writeMeta('sealingKeys', 'secret', 0))
  t.equal(statSync(file).mode & 0o777, 0o600, 'it holds keys')
  store.fault = 'store_unavailable'
  const restarted = new SharedValues({ store, file, log })
  t.match(await restarted.readMeta('sealingKeys'), { value: 'secret' })
  await t.rejects(restarted.readMeta('assertionKeys'), { code: 'store_unavailable' }, 'nothing is made up')
  t.equal(await updateMeta(restarted, 'sealingKeys', (current) => `${current}+`), 'secret+', 'changed here only')
  store.fault = undefined
  t.match(await restarted.readMeta('sealingKeys'), { value: 'secret' }, 'what stands in the store counts again')
})

t.test('a store that was emptied gets them back, from whoever knows them', async (t) => {
  const store = new ValueStore()
  const one = new SharedValues({ store, file: undefined, log })
  await one.writeMeta('sealingKeys', 'secret', 0)
  const two = new SharedValues({ store, file: undefined, log })
  await two.readMeta('sealingKeys')
  store.values.clear()
  t.match(await two.readMeta('sealingKeys'), { value: 'secret' })
  t.match(store.values.get('sealingKeys'), { value: 'secret' })
  t.ok(lines.some((line) => line.includes('written again')))
  store.values.clear()
  store.fault = 'store_read_only'
  t.match(await two.readMeta('sealingKeys'), { value: 'secret' }, 'who may not write uses what it knows')
})

t.test('a newer value of another gateway wins over what is remembered', async (t) => {
  const store = new ValueStore()
  const one = new SharedValues({ store, file: undefined, log })
  await one.writeMeta('assertionKeys', 'first', 0)
  const two = new SharedValues({ store, file: undefined, log })
  t.equal(await updateMeta(two, 'assertionKeys', (current) => `${current} second`), 'first second')
  t.notOk(await one.writeMeta('assertionKeys', 'lost', 1), 'compare-and-set goes through')
  t.match(await one.readMeta('assertionKeys'), { value: 'first second' })
})

t.test('a damaged file is no reason not to start', async (t) => {
  const store = new ValueStore()
  const file = join(t.testdir(), 'values.json')
  writeFileSync(file, '{"sealingKeys": "sec')
  const values = new SharedValues({ store, file, log })
  t.equal(await values.readMeta('sealingKeys'), undefined)
  await values.writeMeta('sealingKeys', 'new', 0)
  t.strictSame(JSON.parse(readFileSync(file, 'utf8')), { sealingKeys: 'new' })
})
