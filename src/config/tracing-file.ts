import { z } from 'zod'
import { flag, text } from './field.ts'

/** `tracing` as it is written. */
export const tracingFile = z
  .strictObject({
    module: text(
      'ES module that gives an OpenTelemetry tracer provider; imported before anything is served; left out: no tracing',
      { expected: 'the path of a readable ES module' },
    ).optional(),
    loginId: flag(false, 'Whether spans name the login ID, as `user.id`'),
  })
  .describe('Spans of handshakes, verdicts, requests and upstreams.')
