import type { SecureContext } from 'node:tls'
import type { Clock } from '../../../src/base/clock.ts'
import { createRandom, type Random } from '../random.ts'
import { cutAtRandom } from '../random-stream.ts'
import { encodeFrame, preface } from './frame.ts'
import { tryGoodClients } from './good-clients.ts'
import { mutateSession } from './mutate-session.ts'
import { recordNghttp2Sessions } from './nghttp2-sessions.ts'
import { type Played, playSession } from './play-session.ts'
import { randomSession, type Session } from './random-session.ts'

/** The gateway as the fuzzer reaches it, and what can be seen of it from behind. */
export type FuzzedGateway = {
  readonly port: number
  readonly secureContext: SecureContext
  /** What is wrong with the gateway or with what the application was sent; empty when nothing is. */
  problems(): Promise<readonly string[]>
}

export type Http2Summary = {
  readonly sessions: number
  /** Sessions without a mutation, all of whose requests were answered. */
  readonly valid: number
  /** Requests answered with 200 in all sessions. */
  readonly answers: number
  /** How sessions with mutations ended. */
  readonly ends: Readonly<Record<Played['end'], number>>
  /** What was found, and the session to repeat it with; undefined when nothing was. */
  readonly finding: Finding | undefined
}

export type Finding = {
  readonly seed: number
  readonly sessions: readonly number[]
  readonly problems: readonly string[]
}

const batch = 48
const validWithinMs = 10_000
/** A session whose framing is broken may leave the gateway waiting for more; there is nothing to wait for then. */
const mutatedWithinMs = 150

/**
 * Plays sessions until the time is over or something is wrong. The session with number n of a seed is always the same one.
 * After every batch good clients must be served, and the gateway must have no problem.
 */
export async function fuzzHttp2(
  gateway: FuzzedGateway,
  options: { seed: number; seconds: number; clock: Clock },
): Promise<Http2Summary> {
  const { seed, clock } = options
  const deadlineMs = clock.monotonicMs() + options.seconds * 1_000
  const recorded = await recordNghttp2Sessions(`localhost:${gateway.port}`)
  const ends = { answered: 0, closed: 0, silent: 0 }
  let sessions = 0
  let valid = 0
  let answers = 0
  let finding: Finding | undefined
  while (finding === undefined && clock.monotonicMs() < deadlineMs) {
    const numbers = Array.from({ length: batch }, (_, index) => sessions + index)
    sessions += batch
    const results = await Promise.all(numbers.map((number) => playNumber(gateway, { seed, number, recorded })))
    for (const { played, mutated } of results) {
      answers += played?.served.size ?? 0
      if (!mutated) valid++
      else if (played !== undefined) ends[played.end]++
    }
    const problems = [...results.flatMap((result) => result.problems), ...(await examine(gateway))]
    if (problems.length > 0) finding = { seed, sessions: await narrow(gateway, { seed, numbers, recorded }), problems }
  }
  return { sessions, valid, answers, ends, finding }
}

async function examine(gateway: FuzzedGateway): Promise<readonly string[]> {
  return [...(await tryGoodClients(gateway)), ...(await gateway.problems())]
}

/** The first session of a batch that brings a problem by itself; the whole batch when none does. */
async function narrow(
  gateway: FuzzedGateway,
  run: { seed: number; numbers: readonly number[]; recorded: readonly Session[] },
): Promise<readonly number[]> {
  const known = new Set(await examine(gateway))
  for (const number of run.numbers) {
    const { problems } = await playNumber(gateway, { ...run, number })
    if (problems.length > 0 || (await examine(gateway)).some((problem) => !known.has(problem))) return [number]
  }
  return run.numbers
}

/** The bytes of one session of a seed, and whether it is mutated. */
export function sessionOf(
  random: Random,
  options: { authority: string; recorded: readonly Session[] },
): { session: Session; mutated: boolean; pieces: readonly Buffer[] } {
  const { authority, recorded } = options
  const session = random.chance(0.2) ? random.pick(recorded) : randomSession(random, authority)
  const mutated = random.chance(0.85)
  const frames = mutated ? mutateSession(session.frames, { random, authority }) : session.frames
  const start = mutated && random.chance(0.03) ? preface.subarray(0, random.integer(preface.length)) : preface
  const bytes = Buffer.concat([start, ...frames.map(encodeFrame)])
  const cutShort = mutated && random.chance(0.1) ? bytes.subarray(0, random.integer(bytes.length)) : bytes
  return { session, mutated, pieces: random.chance(0.4) ? cutAtRandom(cutShort, random) : [cutShort] }
}

async function playNumber(
  gateway: FuzzedGateway,
  run: { seed: number; number: number; recorded: readonly Session[] },
): Promise<{ played: Played | undefined; mutated: boolean; problems: readonly string[] }> {
  const random = createRandom(run.seed ^ Math.imul(run.number, 0x9e3779b1))
  const authority = `localhost:${gateway.port}`
  const { session, mutated, pieces } = sessionOf(random, { authority, recorded: run.recorded })
  const leave = mutated && random.chance(0.2) ? 'hurry' : 'patient'
  const withinMs = mutated ? mutatedWithinMs : validWithinMs
  const awaited = mutated ? new Set<number>() : session.requests
  try {
    const played = await playSession(gateway, { pieces, awaited, leave, withinMs })
    if (mutated || played.end === 'answered') return { played, mutated, problems: [] }
    const missing = [...session.requests].filter((streamId) => !played.served.has(streamId))
    const what = `${played.end}; streams without an answer: ${missing.join()}; ${played.errors.join()}`
    return { played, mutated, problems: [`Session ${run.number} is valid and ended ${what}`] }
  } catch (error) {
    return { played: undefined, mutated, problems: [`Session ${run.number}: ${(error as Error).message}`] }
  }
}
