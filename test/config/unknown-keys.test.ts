// Goal: a key that is no field is refused, never ignored, and the message leads to the right name without showing the
// value. Method: add one wrong key to a correct configuration, at several depths.
import t from 'tap'
import { nearestName } from '../../src/config/nearest-name.ts'
import { parseSample, problemsOf } from './sample-config.ts'

const cases: [name: string, path: string, line: string][] = [
  [
    'a misspelt name',
    'limits.headByteMax',
    'limits.headByteMax as a field: current name is not known (the nearest name is headBytesMax)',
  ],
  [
    'a name in other case',
    'statefolder',
    'statefolder as a field: current name is not known (the nearest name is stateFolder)',
  ],
  [
    'a misspelt name in a list',
    'doors.certificate.0.hostName',
    'doors.certificate[0].hostName as a field: current name is not known (the nearest name is hostNames)',
  ],
  [
    'a name of another group',
    'headFieldsMax',
    'headFieldsMax as a field: current name is not known (the field of that name is limits.headFieldsMax)',
  ],
  [
    'a name like no other',
    'upstreams.0.targets.0.quux',
    'upstreams[0].targets[0].quux as a field: current name is not known (upstreams[0].targets[0] may have url)',
  ],
  ['a name that is not a word', 'limits.a b', 'limits["a b"] as a field'],
]
for (const [name, path, line] of cases) {
  t.test(`${name} is refused`, async (t) => {
    const problems = problemsOf(() => parseSample({ set: { [path]: 'some-value' } }))
    t.equal(problems.length, 1)
    t.ok(problems[0]?.startsWith(`- Cannot use ${line}`), `${problems[0]}`)
    t.notMatch(problems, [/some-value/])
  })
}

t.test('a field of another login ID source is refused, with the right one it is accepted', async (t) => {
  const path = 'doors.certificate.0.loginId'
  const problems = problemsOf(() => parseSample({ set: { [path]: { from: 'commonName', oid: '2.5.4.5' } } }))
  t.match(problems, [/loginId\.oid as a field.*does not go with the other fields/])
  const { config } = parseSample({ set: { [path]: { from: 'subjectAttribute', oid: '2.5.4.5' } } })
  t.same(config.doors.certificate[0]?.loginId, { from: 'subjectAttribute', oid: '2.5.4.5' })
})

t.test('the secret under a misspelt name is not shown', async (t) => {
  const secret = Buffer.alloc(32, 7).toString('base64')
  const problems = problemsOf(() => parseSample({ set: { 'identity.sealingkey': secret } }))
  t.match(problems, [/identity\.sealingkey as a field.*nearest name is sealingKey/])
  t.notOk(problems.join('\n').includes(secret))
})

t.test('a key named __proto__ is refused like any other', async (t) => {
  const set = { identity: JSON.parse('{"__proto__": {"renewalDueDays": 1}}') }
  t.match(
    problemsOf(() => parseSample({ set })),
    [/identity\.__proto__ as a field/],
  )
})

t.test('nearestName takes the fewest edits and gives up on names that share little', async (t) => {
  const names = ['headBytesMax', 'targetBytesMax', 'trailerBytesMax']
  t.equal(nearestName('headBytesMin', names), 'headBytesMax')
  t.equal(nearestName('HEADBYTESMAX', names), 'headBytesMax')
  t.equal(nearestName('trailerBytes', names), 'trailerBytesMax')
  t.equal(nearestName('colour', names), undefined)
  t.equal(nearestName('x', []), undefined)
})
