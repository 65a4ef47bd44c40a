import { createTraceState, isSpanContextValid, type SpanContext } from '@opentelemetry/api'

// Trace context as W3C has it: https://www.w3.org/TR/trace-context/

const parentPattern = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const statePattern = /^[\x20-\x7e]{1,512}$/

/** The context among the fields of a request; undefined: there is none, or none that may be gone on with (malformed, repeated). */
export function readTraceContext(fields: readonly string[]): SpanContext | undefined {
  const parents: string[] = []
  const states: string[] = []
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] as string).toLowerCase()
    if (name === 'traceparent') parents.push(fields[at + 1] as string)
    else if (name === 'tracestate') states.push(fields[at + 1] as string)
  }
  if (parents.length !== 1) return undefined
  const [, version, traceId = '', spanId = '', flags = '', rest] = parentPattern.exec(parents[0] as string) ?? []
  // A later version may add parts behind the four of the first one.
  if (version === '00' && rest !== undefined) return undefined
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true }
  if (!isSpanContextValid(context)) return undefined
  return states.length === 0 ? context : { ...context, traceState: createTraceState(states.join()) }
}

/** The fields that hand a span's context on; empty for one without ids. */
export function writeTraceContext(context: SpanContext): string[] {
  if (!isSpanContextValid(context)) return []
  const { traceId, spanId, traceFlags, traceState } = context
  const flags = (traceFlags & 0xff).toString(16).padStart(2, '0')
  const state = traceState?.serialize() ?? ''
  return ['traceparent', `00-${traceId}-${spanId}-${flags}`, ...(statePattern.test(state) ? ['tracestate', state] : [])]
}
