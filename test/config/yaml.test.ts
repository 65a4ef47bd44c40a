// Goal: YAML that could be read in two ways is refused with its place, and no message repeats what stands there.
// Method: give short texts to the reader; each refusal has an accepted twin.
import t from 'tap'
import { readYaml } from '../../src/config/read-yaml.ts'

const secret = 'c2VjcmV0'
const cases: [name: string, refused: string, reason: RegExp, accepted: string][] = [
  [
    'a key that stands there twice',
    `a: 1\na: ${secret}\n`,
    /line 2, column 1: a key that stands there twice/,
    'a: 1\nb: 1\n',
  ],
  ['a tag that is not known', `a: !env ${secret}\n`, /line 1, column 4: a tag that is not known/, 'a: !!str 1\n'],
  ['a second document', `a: 1\n---\na: ${secret}\n`, /a second document/, '---\na: 1\n'],
  ['an unquoted variable in braces', `a: {b: \${${secret}}}\n`, /may need quotes/, 'a: {b: "$X{}"}\n'],
  ['a missing quote', `a: "${secret}\n`, /a missing character/, 'a: "x"\n'],
  ['a reserved character', `a: @${secret}\n`, /reserved character/, 'a: "@x"\n'],
  ['a value with a colon', `a: b: ${secret}\n`, /put the value in quotes/, 'a: "b: x"\n'],
  ['a surplus word', `a: |x ${secret}\n`, /line 1/, 'a: |\n x\n'],
  ['an alias without anchor', `a: *${secret}\n`, /alias without an anchor/, 'a: &x 1\nb: *x\n'],
  ['a list as key', `? [a]\n: ${secret}\n`, /not a plain text/, '? a\n: b\n'],
]
for (const [name, refused, reason, accepted] of cases) {
  t.test(`${name} is refused`, async (t) => {
    t.throws(() => readYaml(refused, 'x.yaml'), { code: 'config_invalid', message: reason })
    try {
      readYaml(refused, 'x.yaml')
    } catch (error) {
      t.notOk(String(error).includes(secret), 'the text itself is not repeated')
    }
    t.doesNotThrow(() => readYaml(accepted, 'x.yaml'))
  })
}

t.test('aliases are limited: a text that grows a thousandfold is refused, a shared list is not', async (t) => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x,x]',
    'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]',
    'c: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]',
  ]
  t.throws(() => readYaml(bomb.join('\n'), 'x.yaml'), { code: 'config_invalid', message: /more than 32 aliases/ })
  t.same(readYaml('a: &a [x]\nb: *a\n', 'x.yaml'), { a: ['x'], b: ['x'] })
})

t.test('it is YAML 1.2: yes, 0123 and a date are what they look like', async (t) => {
  t.same(readYaml('a: yes\nb: 0123\nc: 2027-01-01\nd: 0x10', 'x.yaml'), { a: 'yes', b: 123, c: '2027-01-01', d: 16 })
})
