// Goal: whatever the bytes, reading a list ends soon, throws nothing but its own faults, does not depend on how the bytes arrive, takes
// no changed list as signed, and agrees with OpenSSL. Method: ten seconds of generated lists; `npm run fuzz -- --only crl` goes on.
import t from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { fuzzCrl } from '../../fuzz/crl/fuzz-crl.ts'

t.test('generated lists', { timeout: 60_000 }, async (t) => {
  const seed = Math.floor(systemClock.nowMs()) % 0x7fffffff
  const { finding, ...seen } = fuzzCrl({ seed, seconds: 10, clock: systemClock })
  t.comment(`seed ${seed}: ${JSON.stringify(seen)}`)
  t.strictSame(finding, undefined, `seed ${seed}`)
  t.ok(seen.cases > 500, `${seen.cases} cases`)
  t.ok(seen.wellMade > seen.cases / 10, 'well-made ones among them')
  t.ok(seen.changedRead > seen.cases / 50, 'and changed ones that are lists nevertheless')
  t.ok(seen.compared > 5, 'and some that OpenSSL read too')
})
