import type { Clock } from '../../src/base/clock.ts'
import { compareReadings, compareSplit } from './compare-readings.ts'
import { createNodeReader, type NodeReader } from './node-reading.ts'
import { readWithOurs } from './our-reading.ts'
import { createRandom, type Random } from './random.ts'
import { randomBodyStream } from './random-body-stream.ts'
import { canary, cutAtRandom, randomStream } from './random-stream.ts'
import { seedStreams } from './seed-streams.ts'

/** `heads`: whole messages whose heads are of every kind. `bodies`: plain heads, and bodies of every kind. */
export type StreamKind = 'heads' | 'bodies'

/** A stream that ours and Node read differently, as small as it could be made. */
export type Divergence = {
  readonly seed: number
  readonly caseNumber: number
  readonly difference: string
  readonly stream: string
}

export type FuzzSummary = {
  readonly cases: number
  /** Requests that both accepted: how much the comparison was worth. */
  readonly acceptedMessages: number
  readonly divergence: Divergence | undefined
}

/**
 * Feeds generated connections to our parser and to Node's until the time is over or the two disagree. The case with
 * number n of a seed and a kind (default `heads`) is always the same one.
 */
export function fuzz(options: {
  seed: number
  seconds: number
  clock: Clock
  kind?: StreamKind
  /** Number of the first case. Default 0. */
  firstCase?: number
}): FuzzSummary {
  const node = createNodeReader()
  const deadlineMs = options.clock.monotonicMs() + options.seconds * 1_000
  const { firstCase = 0 } = options
  let cases = 0
  let acceptedMessages = 0
  try {
    while (options.clock.monotonicMs() < deadlineMs) {
      const { difference, accepted, stream } = runCase(firstCase + cases, { ...options, node })
      acceptedMessages += accepted
      cases += 1
      if (difference !== undefined) {
        const smallest = minimise(stream, node)
        const divergence = { seed: options.seed, caseNumber: firstCase + cases - 1, ...smallest }
        return { cases, acceptedMessages, divergence }
      }
    }
  } finally {
    node.close()
  }
  return { cases, acceptedMessages, divergence: undefined }
}

function runCase(
  caseNumber: number,
  run: { seed: number; kind?: StreamKind; node: NodeReader },
): { difference: string | undefined; accepted: number; stream: Buffer } {
  const { node } = run
  const random = createRandom(run.seed ^ Math.imul(caseNumber, 0x9e3779b1))
  const stream = run.kind === 'bodies' ? randomBodyStream(random) : knownOrRandom(caseNumber, random)
  const whole = readWithOurs([stream])
  const pieces = cutAtRandom(stream, random)
  const difference =
    compareReadings(whole, node.read([stream])) ?? prefixed('in pieces', compareSplit(whole, readWithOurs(pieces)))
  return { difference, accepted: whole.messages.length, stream }
}

function knownOrRandom(caseNumber: number, random: Random): Buffer {
  const known = seedStreams[caseNumber]
  return known === undefined ? randomStream(random) : Buffer.from(known.text + canary, 'latin1')
}

function prefixed(prefix: string, difference: string | undefined): string | undefined {
  return difference === undefined ? undefined : `${prefix}: ${difference}`
}

/** Judges a stream by itself: whole against Node, and against every cut into two of our own reading. */
export function judgeStream(stream: Buffer, node: NodeReader): string | undefined {
  const whole = readWithOurs([stream])
  const difference = compareReadings(whole, node.read([stream]))
  if (difference !== undefined) return difference
  for (let at = 1; at < stream.length; at++) {
    const split = compareSplit(whole, readWithOurs([stream.subarray(0, at), stream.subarray(at)]))
    if (split !== undefined) return `cut at ${at}: ${split}`
  }
  return undefined
}

/** Takes away whatever may be taken away while the two still disagree: halves first, single bytes last. */
function minimise(stream: Buffer, node: NodeReader): { difference: string; stream: string } {
  let smallest = stream
  let difference = judgeStream(stream, node)
  for (let size = stream.length >> 1; size >= 1; size = size >> 1) {
    for (let at = 0; at + size <= smallest.length; ) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)])
      const found = judgeStream(shorter, node)
      if (found === undefined) at += size
      else {
        smallest = shorter
        difference = found
      }
    }
  }
  return { difference: difference ?? 'only seen in pieces cut at several places', stream: smallest.toString('latin1') }
}
