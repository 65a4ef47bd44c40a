import { z } from 'zod'
import { flag, labelName, text, wholeOrLeftOut } from './field.ts'
import { routeRanges } from './limits-file.ts'

const asInLimits = (meaning: string) => `${meaning}; left out: as in \`limits\``

const route = z.strictObject({
  name: labelName('Name of the route in logs and metrics; unique, not `own` or `refused`', 'a route'),
  doors: z
    .array(text('One door', { expected: 'the name of a certificate door or of the public door' }))
    .min(1)
    .optional()
    .describe('Names of the doors that have it; left out: every certificate door and the public door'),
  hosts: z
    .array(text('One host', { expected: 'a host name of one of the route’s doors' }))
    .default([])
    .describe('Hosts it is for, each one of the hostNames of its doors; empty: every host that no other route names'),
  pathPrefix: text(
    'What the path starts with, by whole segments and without regard to case: `/api` takes `/api` and `/API/x`, not `/apis`',
    {
      pattern: /^\/$|^(\/[A-Za-z0-9._~-]+)+$/,
      expected: 'a path that starts with /, of letters, digits, `.`, `_`, `~` and `-`, without / at its end',
    },
  ).default('/'),
  upstream: text('Name of the upstream that answers', { expected: 'the name of a configured upstream' }),
  certificate: z
    .enum(['asDoor', 'required', 'optional'])
    .default('asDoor')
    .describe(
      'asDoor: certificate doors want a good certificate, the public door none; required: refused on the public door; optional: certificate doors let clients without a good certificate pass too, and tell the application nothing about them',
    ),
  methods: z
    .array(text('One method', { expected: 'a method that the doors let through' }))
    .min(1)
    .optional()
    .describe('Methods it takes, others get 405; left out: the usual ones and `http.extraMethods`'),
  webSocket: flag(true, 'Whether WebSockets may be opened'),
  bodyBytesMax: wholeOrLeftOut(routeRanges.bodyBytesMax, asInLimits('Largest request body')),
  bodyIdleTimeoutMs: wholeOrLeftOut(routeRanges.bodyIdleTimeoutMs, asInLimits('Longest pause within a body')),
  upstreamResponseTimeoutMs: wholeOrLeftOut(
    routeRanges.upstreamResponseTimeoutMs,
    asInLimits('Longest time from the request to the head of the response'),
  ),
  webSocketIdleTimeoutMs: wholeOrLeftOut(
    routeRanges.webSocketIdleTimeoutMs,
    asInLimits('Longest time a WebSocket may stay without a byte'),
  ),
})

/** Which requests go where, as it is written. `readRoutes` turns it into `RouteConfig`. */
export const routesFile = z
  .array(route)
  .min(1)
  .optional()
  .describe(
    'Which requests go to which upstream: routes that name the host first, then the longest `pathPrefix`. What no route takes gets 404. With one upstream they may be left out: everything then goes to it.',
  )
