import { z } from 'zod'
import { whole } from './field.ts'

/** Ranges of the limits that a route may set for itself. */
export const routeRanges = {
  bodyBytesMax: [0, 1_000_000_000_000],
  bodyIdleTimeoutMs: [100, 600_000],
  upstreamResponseTimeoutMs: [100, 3_600_000],
  webSocketIdleTimeoutMs: [100, 86_400_000],
} as const

/** Every number that bounds time, memory or load. Ranges keep a typing error from switching a limit off. */
export const limitsFile = z
  .strictObject({
    handshakeTimeoutMs: whole([100, 60_000], 10_000, 'Longest time from TCP accept to completed TLS handshake'),
    headTimeoutMs: whole([100, 120_000], 15_000, 'Longest time from the first byte of a request head to its last'),
    bodyIdleTimeoutMs: whole(routeRanges.bodyIdleTimeoutMs, 30_000, 'Longest pause within a request or response body'),
    bodyBytesMax: whole(
      routeRanges.bodyBytesMax,
      104_857_600,
      'Largest request body; a larger one gets 413; 0: no request may have a body',
    ),
    keepAliveIdleTimeoutMs: whole(
      [1_000, 3_600_000],
      75_000,
      'Longest time a connection may wait for its next request',
    ),
    upstreamResponseTimeoutMs: whole(
      routeRanges.upstreamResponseTimeoutMs,
      60_000,
      'Longest time from the request to the head of the response',
    ),
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
      'The same, from one address (IPv6: one /64); permitted users are not counted (R6); divided among the workers, rounded up; at most `unauthenticatedConnectionsMax`',
    ),
    handshakesPerSecondMax: whole([1, 1_000_000], 2_000, 'Handshakes begun per second on one door, over all addresses'),
    handshakeFailuresPerAddressPerMinuteMax: whole(
      [1, 1_000_000],
      600,
      'Failed or denied handshakes of one address before it gets only half of the handshakes and 128 connections not permitted yet; divided among the workers, rounded up',
    ),
    webSocketIdleTimeoutMs: whole(
      routeRanges.webSocketIdleTimeoutMs,
      300_000,
      'Longest time a WebSocket may stay without a byte in either direction',
    ),
    webSocketsPerUserMax: whole(
      [1, 10_000],
      32,
      'WebSockets of one login ID on one door at the same time; where there is no login ID, of one address',
    ),
    http2StreamsMax: whole([1, 1_000], 100, 'Requests in progress at the same time on one HTTP/2 connection'),
    http2ResetsPerMinuteMax: whole(
      [1, 1_000_000],
      300,
      'Resets, refused streams and stream errors of one HTTP/2 connection in a minute; beyond it the connection ends',
    ),
    http2ControlFramesPerMinuteMax: whole(
      [1, 1_000_000],
      1_200,
      'Frames of one HTTP/2 connection that ask for nothing (SETTINGS, PING, PRIORITY, empty ones) in a minute; beyond it the connection ends',
    ),
    http2StreamWindowBytes: whole(
      [65_535, 16_777_216],
      262_144,
      'Bytes of one request body that may be under way before the application takes them; at most `http2ConnectionWindowBytes`',
    ),
    http2ConnectionWindowBytes: whole(
      [65_535, 67_108_864],
      1_048_576,
      'The same over all request bodies of one HTTP/2 connection; also how much of whole answers may wait there for a slow client',
    ),
    revocationEntriesMax: whole(
      [1_000, 30_000_000],
      20_000_000,
      'Most revoked certificates that fit into memory; with more the data becomes stale, and no revocation is left out silently',
    ),
    liveViewersMax: whole([1, 1_000], 32, 'Operators who look at the live page of this gateway at the same time'),
    liveConnectionsListMax: whole([1, 100_000], 1_000, 'Most connections listed by `GET /v1/connections`'),
    drainTimeoutMs: whole([0, 3_600_000], 30_000, 'Longest time a drain waits for requests in progress'),
  })
  .describe('Bounds on time, memory and load. Times are in milliseconds, sizes in bytes.')

/** The limits with their defaults filled in. */
export type Limits = z.infer<typeof limitsFile>
