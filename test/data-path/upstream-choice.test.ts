// Goal: targets get the share of requests that their load, their slow start and the affinity of users give them.
// Method: candidates played by the test, thousands of choices, counted.
import t from 'tap'
import { type Candidate, hashText, leastOutstanding, rendezvous } from '../../src/data-path/upstream-choice.ts'

type Played = Candidate & { inUse: number; weight: number }

function createCandidate(name: string, weight = 1): Played {
  let credit = 0
  return {
    hash: hashText(name),
    inUse: 0,
    weight,
    share() {
      return this.weight
    },
    takesTurn: (share) => {
      credit += share
      if (credit < 1) return false
      credit--
      return true
    },
  }
}

const names = ['10.0.0.1:8080', '10.0.0.2:8080', '10.0.0.3:8080', '10.0.0.4:8080']

/** Gives out `count` requests one after another; each ends after `lasts` others. */
function giveOut(candidates: readonly Played[], count: number, lasts: number): number[] {
  const given = candidates.map(() => 0)
  const running: number[] = []
  let turn = 0
  for (let request = 0; request < count; request++) {
    const at = leastOutstanding(candidates, { first: turn, nowMs: 0, avoid: undefined })
    turn = at + 1
    given[at] = (given[at] ?? 0) + 1
    ;(candidates[at] as Played).inUse++
    running.push(at)
    if (running.length > lasts) (candidates[running.shift() as number] as Played).inUse--
  }
  return given
}

t.test('the one with the fewest requests is chosen, equals take turns', async (t) => {
  const candidates = names.map((name) => createCandidate(name))
  t.strictSame(giveOut(candidates, 400, 0), [100, 100, 100, 100])
  for (const [at, candidate] of candidates.entries()) candidate.inUse = [3, 1, 2, 1][at] as number
  t.equal(leastOutstanding(candidates, { first: 0, nowMs: 0, avoid: undefined }), 1)
  t.equal(leastOutstanding(candidates, { first: 2, nowMs: 0, avoid: undefined }), 3)
  t.equal(leastOutstanding(candidates, { first: 0, nowMs: 0, avoid: candidates[1] }), 3)
  t.equal(leastOutstanding(candidates, { first: 9, nowMs: 0, avoid: undefined }), 1, 'any start will do')
})

t.test('in its slow start a target gets its share and no more, busy or quiet', async (t) => {
  for (const lasts of [0, 1, 50]) {
    for (const weight of [0.05, 0.25, 0.5]) {
      const candidates = [createCandidate('a'), createCandidate('b'), createCandidate('c', weight)]
      const [a = 0, b = 0, c = 0] = giveOut(candidates, 3_000, lasts)
      const atMost = lasts === 1 ? weight : weight / (2 + weight)
      t.ok(c > 0 && c <= 3_000 * atMost * 1.15 + 1, `${c} of 3000 at ${weight}, ${lasts} running`)
      t.ok(Math.abs(a - b) <= 150, 'the others share alike')
    }
  }
})

t.test('when all start slowly all are used', async (t) => {
  const candidates = [createCandidate('a', 0.1), createCandidate('b', 0.1)]
  const [a = 0, b = 0] = giveOut(candidates, 1_000, 0)
  t.equal(a + b, 1_000)
  t.ok(a > 300 && b > 300, `${a} and ${b}`)
})

t.test('nobody is chosen when there is nobody beside the one to avoid', async (t) => {
  const alone = createCandidate('a')
  t.equal(leastOutstanding([alone], { first: 0, nowMs: 0, avoid: alone }), -1)
  t.equal(rendezvous([alone], { key: 'user', nowMs: 0, avoid: alone }), -1)
  t.equal(leastOutstanding([], { first: 0, nowMs: 0, avoid: undefined }), -1)
})

const keys = Array.from({ length: 4_000 }, (_, at) => `user${at}`)

const homesOf = (candidates: readonly Played[]) =>
  keys.map((key) => candidates[rendezvous(candidates, { key, nowMs: 0, avoid: undefined })]?.hash)

t.test('users are spread evenly, and each always comes to the same target', async (t) => {
  const candidates = names.map((name) => createCandidate(name))
  const homes = homesOf(candidates)
  t.strictSame(homesOf([...candidates].reverse()), homes, 'whatever the order of the targets')
  for (const { hash } of candidates) {
    const count = homes.filter((home) => home === hash).length
    t.ok(count > 850 && count < 1_150, `${count} of 4000 users`)
  }
})

t.test('when a target leaves only its own users move, to all the others', async (t) => {
  const candidates = names.map((name) => createCandidate(name))
  const [gone, ...left] = candidates
  const before = homesOf(candidates)
  const after = homesOf(left)
  const moved = keys.filter((_, at) => before[at] !== after[at])
  t.equal(moved.length, before.filter((home) => home === gone?.hash).length)
  for (const { hash } of left) {
    const received = after.filter((home, at) => home === hash && before[at] !== hash).length
    t.ok(received > 240 && received < 430, `${received} of ${moved.length} moved users`)
  }
  const avoided = keys.map((key) => candidates[rendezvous(candidates, { key, nowMs: 0, avoid: gone })]?.hash as number)
  t.strictSame(avoided, after, 'a target to be avoided is passed over in the same way')
})

t.test('while a target starts slowly its users come back in proportion, and those who did stay', async (t) => {
  const candidates = names.map((name) => createCandidate(name))
  const slow = candidates[0] as Played
  let former: string[] = []
  for (const weight of [0.1, 0.5, 1]) {
    slow.weight = weight
    const homes = homesOf(candidates)
    const own = keys.filter((_, at) => homes[at] === slow.hash)
    const expected = (4_000 * weight) / (3 + weight)
    t.ok(Math.abs(own.length - expected) < 0.2 * expected, `${own.length} of 4000 users at ${weight}`)
    t.ok(former.every((key) => own.includes(key)))
    former = own
  }
})
