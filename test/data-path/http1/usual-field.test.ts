// Goal: a usual field name is found exactly where it stands, and nothing that merely begins like one is taken for it.
// Method: every spelling with longer, shorter and differently cased neighbours, compared with the classification by rules.
import t from 'tap'
import { classifyField } from '../../../src/data-path/http1/field-class.ts'
import { usualField } from '../../../src/data-path/http1/usual-field.ts'

const names = [
  'Host',
  'host',
  'Accept',
  'Accept-Language',
  'Content-Length',
  'Cookie',
  'Set-Cookie',
  'User-Agent',
  'Date',
]

function found(name: string) {
  const text = `X: y\r\n${name}: value\r\n\r\n`
  return usualField(text, 6, 6 + name.length)
}

t.test('usual names are found with the class the rules give them', async (t) => {
  for (const name of names) t.strictSame(found(name), { name, found: classifyField(name) }, name)
})

t.test('neighbours of usual names are left to the rules', async (t) => {
  for (const name of names) {
    for (const other of [
      `${name}s`,
      name.slice(0, -1),
      name.toUpperCase(),
      `X${name.slice(1)}`,
      name.replace('-', '_'),
    ]) {
      if (!names.includes(other)) t.equal(found(other)?.name ?? other, other, other)
    }
  }
  t.equal(found('Sekisho-Login-Id'), undefined)
  t.equal(found(`X-${'a'.repeat(200)}`), undefined)
})
