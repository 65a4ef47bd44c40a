// Goal: an answer keeps its end-to-end fields and their order; what ends here ends here; what the gateway adds is there once.
// Method: field lists in, field lists out.
import t from 'tap'
import { classifyField } from '../../src/data-path/http1/field-class.ts'
import { clientResponseFields, createDateField } from '../../src/data-path/response-headers.ts'

/** A head as the parser makes it, with the class of each field. */
const headOf = (fields: string[], connectionNominated: string[] = []) => ({
  fields,
  classes: fields.filter((_, at) => at % 2 === 0).map((name) => classifyField(name)),
  connectionNominated,
})

const rules = { hsts: undefined, date: () => 'today' }
const fieldsOf = (fields: string[], connectionNominated: string[] = []) =>
  clientResponseFields(headOf(fields, connectionNominated), undefined, rules)

t.test('end-to-end fields stay in order; framing, hop-by-hop, nominated and reserved ones go', async (t) => {
  const kept = fieldsOf(
    [
      'Date',
      'x',
      'B',
      '2',
      'Connection',
      'x-hop',
      'X-Hop',
      '1',
      'Content-Length',
      '5',
      'Transfer-Encoding',
      'chunked',
      'Keep-Alive',
      't',
      'Upgrade',
      'h2',
      'Trailer',
      'X',
      'Proxy-Authenticate',
      'Basic',
      'Sekisho-Login-Id',
      'x',
      'client_cert',
      'x',
      'a',
      '1',
      'B',
      '3',
    ],
    ['x-hop'],
  )
  t.strictSame(kept, ['Date', 'x', 'B', '2', 'a', '1', 'B', '3'])
})

t.test('Date is added where it is missing', async (t) => {
  t.strictSame(fieldsOf(['a', '1']), ['a', '1', 'Date', 'today'])
  t.strictSame(fieldsOf(['dAtE', 'then']), ['dAtE', 'then'])
})

t.test('HSTS of ours takes the place of the application’s; without ours its own stays', async (t) => {
  const fields = ['strict-transport-SECURITY', 'max-age=1', 'Date', 'x']
  t.strictSame(fieldsOf(fields), fields)
  const ours = clientResponseFields(headOf(fields), undefined, { ...rules, hsts: 'max-age=9' })
  t.strictSame(ours, ['Date', 'x', 'Strict-Transport-Security', 'max-age=9'])
})

t.test('every Set-Cookie is offered to the sealer', async (t) => {
  const head = headOf(['Set-Cookie', 'a', 'set-cookie', 'b', 'Set-Cookie2', 'c', 'Date', 'x'])
  t.strictSame(
    clientResponseFields(head, (value) => `${value}!`, rules),
    ['Set-Cookie', 'a!', 'set-cookie', 'b!', 'Set-Cookie2', 'c', 'Date', 'x'],
  )
})

t.test('nothing is added to an interim answer', async (t) => {
  t.strictSame(clientResponseFields(headOf(['Link', 'x']), undefined, undefined), ['Link', 'x'])
})

t.test('the date is IMF-fixdate and follows the clock', async (t) => {
  let nowMs = Date.UTC(2026, 10, 6, 8, 49, 37)
  const date = createDateField(() => nowMs)
  t.equal(date(), 'Fri, 06 Nov 2026 08:49:37 GMT')
  nowMs += 999
  t.equal(date(), 'Fri, 06 Nov 2026 08:49:37 GMT')
  nowMs += 1
  t.equal(date(), 'Fri, 06 Nov 2026 08:49:38 GMT')
  nowMs -= 3_600_000
  t.equal(date(), 'Fri, 06 Nov 2026 07:49:38 GMT', 'also backwards')
})
