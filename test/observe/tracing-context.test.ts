// Goal: a trace context is read as W3C has it: what is malformed, repeated or of no trace is none; what is written can be read again.
// Method: fields in, context out; vectors from https://www.w3.org/TR/trace-context/.
import t from 'tap'
import { readTraceContext, writeTraceContext } from '../../src/observe/tracing-context.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const good = `00-${traceId}-${spanId}-01`

t.test('a context, its flag and its state are read', async (t) => {
  t.match(readTraceContext(['Accept', 'x', 'TraceParent', good]), { traceId, spanId, traceFlags: 1, isRemote: true })
  t.equal(readTraceContext(['traceparent', `00-${traceId}-${spanId}-00`])?.traceFlags, 0)
  const withState = readTraceContext(['traceparent', good, 'tracestate', 'a=1', 'Tracestate', 'b=2, c=3'])
  t.equal(withState?.traceState?.serialize(), 'a=1,b=2,c=3')
  t.equal(readTraceContext(['traceparent', `01-${traceId}-${spanId}-01-more`])?.traceId, traceId, 'a later version')
})

t.test('what is no context is none', async (t) => {
  for (const value of [
    '',
    'x',
    good.toUpperCase(),
    `${good}-more`,
    `${good}x`,
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    `${good},${good}`,
  ])
    t.equal(readTraceContext(['traceparent', value]), undefined, value)
  t.equal(readTraceContext(['traceparent', good, 'traceparent', good]), undefined, 'repeated')
  t.equal(readTraceContext(['tracestate', 'a=1']), undefined, 'a state alone')
  t.equal(readTraceContext([]), undefined)
})

t.test('what is written can be read again; a span without ids writes nothing', async (t) => {
  const context = readTraceContext(['traceparent', good, 'tracestate', 'a=1'])
  if (context === undefined) throw new Error('Not read')
  t.strictSame(writeTraceContext(context), ['traceparent', good, 'tracestate', 'a=1'])
  t.strictSame(writeTraceContext({ traceId: '0'.repeat(32), spanId, traceFlags: 0 }), [])
  const split = { ...context, traceState: { ...context.traceState, serialize: () => 'a=1\r\nX: y' } }
  t.strictSame(writeTraceContext(split as typeof context), ['traceparent', good], 'no line can be smuggled in')
})
