import { z } from 'zod'
import { whole } from './field.ts'

/** Every number that bounds time, memory or load. Ranges keep a typing error from switching a limit off. */
export const limitsFile = z
  .strictObject({
    handshakeTimeoutMs: whole([100, 60_000], 10_000, 'Longest time from TCP accept to completed TLS handshake'),
    headTimeoutMs: whole([100, 120_000], 15_000, 'Longest time from the first byte of a request head to its last'),
    bodyIdleTimeoutMs: whole([100, 600_000], 30_000, 'Longest pause within a request or response body'),
    keepAliveIdleTimeoutMs: whole(
      [1_000, 3_600_000],
      75_000,
      'Longest time a connection may wait for its next request',
    ),
    upstreamConnectTimeoutMs: whole([10, 60_000], 3_000, 'Longest time to connect to the application'),
    upstreamResponseTimeoutMs: whole(
      [100, 3_600_000],
      60_000,
      'Longest time from the request to the head of the response',
    ),
    upstreamIdleTimeoutMs: whole([100, 600_000], 30_000, 'How long an unused upstream connection is kept'),
    upstreamConnectionsMax: whole([1, 100_000], 1_024, 'Connections to the application at the same time, per worker'),
    upstreamIdleConnectionsMax: whole(
      [0, 100_000],
      256,
      'Unused upstream connections kept, per worker; at most `upstreamConnectionsMax`',
    ),
    upstreamQueueMax: whole([0, 100_000], 1_024, 'Requests that may wait for an upstream connection, per worker'),
    targetBytesMax: whole([256, 65_536], 8_192, 'Longest request target; a longer one gets 414'),
    headBytesMax: whole(
      [1_024, 262_144],
      32_768,
      'Largest request or response head; a larger request head gets 431; must be more than `targetBytesMax`',
    ),
    headFieldsMax: whole([8, 2_000], 128, 'Most header fields in one head'),
    trailerBytesMax: whole([0, 65_536], 8_192, 'Largest trailer section'),
    chunkExtensionBytesMax: whole([0, 4_096], 0, 'Chunk extensions accepted, in bytes a body; 0 refuses them'),
    connectionsMax: whole([1, 1_000_000], 20_000, 'Connections of one door at the same time, permitted ones included'),
    unauthenticatedConnectionsMax: whole(
      [1, 1_000_000],
      4_096,
      'Connections of one door that are not permitted yet; beyond it the oldest of them gives way; at most `connectionsMax`',
    ),
    unauthenticatedPerAddressMax: whole(
      [1, 1_000_000],
      512,
      'The same, from one address (IPv6: one /64); permitted users are not counted (R6); at most `unauthenticatedConnectionsMax`',
    ),
    handshakesPerSecondMax: whole([1, 1_000_000], 2_000, 'Handshakes begun per second on one door, over all addresses'),
    handshakeFailuresPerAddressPerMinuteMax: whole(
      [1, 1_000_000],
      600,
      'Failed or denied handshakes of one address before it gets only half of the handshakes and 128 connections not permitted yet',
    ),
    liveConnectionsListMax: whole([1, 100_000], 1_000, 'Most connections listed by `GET /v1/connections`'),
    drainTimeoutMs: whole([0, 3_600_000], 30_000, 'Longest time a drain waits for requests in progress'),
  })
  .describe('Bounds on time, memory and load. Times are in milliseconds, sizes in bytes.')

/** The limits with their defaults filled in. */
export type Limits = z.infer<typeof limitsFile>
