import { spawnSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { Clock } from '../../../src/base/clock.ts'
import { GatewayError } from '../../../src/base/errors.ts'
import { pemOrDer } from '../../../src/x509/crl/pem-or-der.ts'
import { type CrlReading, readCrl } from '../../../src/x509/crl/read-crl.ts'
import { pemOf } from '../../../src/x509/pem.ts'
import { readOpensslText } from '../../x509/crl/openssl-text.ts'
import { inChunks } from '../../x509/crl/written-list.ts'
import { createRandom, type Random } from '../random.ts'
import { mutateList } from './mutate-list.ts'
import { randomElements, randomList } from './random-list.ts'

export type CrlSummary = {
  readonly cases: number
  /** Well-made lists, each read as it was written. */
  readonly wellMade: number
  /** Lists that were read though something had been changed in them. */
  readonly changedRead: number
  /** Lists that OpenSSL was asked about too. */
  readonly compared: number
  /** What was found, with the number of the case; undefined when nothing was. */
  readonly finding: { readonly caseNumber: number; readonly problem: string; readonly listHex: string } | undefined
}

const limits = { entriesMax: 1_000, bytesMax: 1_000_000 }
const chunkSizes = [1, 2, 3, 7, 64, 1_000, 65_536]
/** OpenSSL is a process each time: it is asked about few of the lists. */
const comparedShare = 0.02
const oneReadingMsMax = 2_000

/** Keys of both kinds of signature, those over a hash and those over the list itself. */
const keys = [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ed25519')] as const

/** Reads lists until the time is over or something is wrong. The case with number n of a seed is always the same list, but for its keys. */
export function fuzzCrl(options: { seed: number; seconds: number; firstCase?: number; clock: Clock }): CrlSummary {
  const { seed, clock } = options
  const deadlineMs = clock.monotonicMs() + options.seconds * 1_000
  const total = { wellMade: 0, changedRead: 0, compared: 0 }
  const firstCase = options.firstCase ?? 0
  let caseNumber = firstCase
  for (; clock.monotonicMs() < deadlineMs; caseNumber++) {
    const found = playCase(createRandom(seed ^ Math.imul(caseNumber, 0x9e3779b1)), clock)
    total.wellMade += found.kind === 'wellMade' ? 1 : 0
    total.changedRead += found.kind === 'changedRead' ? 1 : 0
    total.compared += found.compared ? 1 : 0
    if (found.problem === undefined) continue
    const finding = { caseNumber, problem: found.problem, listHex: found.bytes.toString('hex') }
    return { ...total, cases: caseNumber + 1 - firstCase, finding }
  }
  return { ...total, cases: caseNumber - firstCase, finding: undefined }
}

type Played = {
  readonly kind: 'wellMade' | 'changedRead' | 'refused'
  readonly compared: boolean
  readonly problem: string | undefined
  readonly bytes: Buffer
}

function playCase(random: Random, clock: Clock): Played {
  const { privateKey } = random.pick(keys)
  const publicKey = createPublicKey(privateKey)
  const list = randomList(random, privateKey)
  const choice = random.integer(20)
  const isWellMade = choice < 4
  const bytes = isWellMade ? list.bytes : choice < 19 ? mutateList(list.bytes, random) : randomElements(random)
  // A change may change nothing (two equal elements swapped).
  const isSame = bytes.equals(list.bytes)
  const asPem = random.chance(0.2)
  const file = asPem ? Buffer.from(pemOf(bytes, 'X509 CRL')) : bytes
  const read = (chunkBytes: number) => {
    const pull = inChunks(file, chunkBytes)
    // Bytes that begin with something else than a list's tag would be looked at as PEM.
    return attempt(() => readCrl(asPem ? pemOrDer(pull) : pull, { ...limits, publicKey }))
  }
  const startMs = clock.monotonicMs()
  const outcome = read(random.pick(chunkSizes))
  const tookMs = clock.monotonicMs() - startMs
  const other = read(random.pick(chunkSizes))
  const { reading } = outcome
  const compared = reading !== undefined && random.chance(comparedShare)
  const problem =
    outcome.problem ??
    other.problem ??
    (tookMs > oneReadingMsMax ? `reading took ${Math.round(tookMs)} ms` : undefined) ??
    (outcome.text === other.text ? undefined : `chunks of another size gave ${other.text} and not ${outcome.text}`) ??
    (isSame ? faultOfGood(outcome.text, reading, list) : undefined) ??
    (!isSame && reading?.signatureValid === true ? 'a changed list counts as signed' : undefined) ??
    (compared && reading !== undefined ? faultByOpenssl(bytes, reading) : undefined)
  return { kind: isSame ? 'wellMade' : reading ? 'changedRead' : 'refused', compared, problem, bytes }
}

type Outcome = { readonly reading?: CrlReading; readonly problem?: string; readonly text: string }

function attempt(read: () => CrlReading): Outcome {
  try {
    const reading = read()
    return { reading, text: textOf(reading) }
  } catch (error) {
    const text = String(error)
    if (error instanceof GatewayError && (error.code === 'crl_unreadable' || error.code === 'crl_refused')) {
      return { text: `${error.code} ${error.path} ${text}` }
    }
    return { problem: error instanceof Error ? (error.stack ?? text) : text, text }
  }
}

function textOf(reading: CrlReading): string {
  return JSON.stringify({ ...reading, entries: [...reading.entries] }, (_, value) =>
    typeof value === 'bigint'
      ? value.toString()
      : value instanceof Uint8Array
        ? Buffer.from(value).toString('hex')
        : value,
  )
}

function faultOfGood(
  text: string,
  reading: CrlReading | undefined,
  list: { entries: readonly object[]; passedOver: number },
): string | undefined {
  if (reading === undefined) return `a well-made list was refused: ${text}`
  if (reading.signatureValid !== true) return 'a well-made list does not count as signed'
  if (reading.passedOver !== list.passedOver) return `${reading.passedOver} entries passed over, not ${list.passedOver}`
  const same = JSON.stringify([...reading.entries]) === JSON.stringify(list.entries)
  return same ? undefined : `entries ${JSON.stringify([...reading.entries])} and not ${JSON.stringify(list.entries)}`
}

/**
 * What OpenSSL reads too must have the same entries in the same order. It refuses some that are read here: it looks into attributes of
 * names that mean nothing to us, such as a NULL that is not empty.
 */
function faultByOpenssl(bytes: Buffer, reading: CrlReading): string | undefined {
  const ended = spawnSync('openssl', ['crl', '-inform', 'DER', '-noout', '-text'], { input: bytes, timeout: 20_000 })
  if (ended.status !== 0) return undefined
  const theirs = readOpensslText(ended.stdout.toString()).entries
  if (theirs.length !== reading.entries.count + reading.passedOver) {
    return `OpenSSL reads ${theirs.length} entries, not ${reading.entries.count} and ${reading.passedOver} passed over`
  }
  const taken = theirs.filter(({ serialHex }) => /^[1-9a-f][0-9a-f]{0,39}$/.test(serialHex))
  for (const [place, { serialHex, revokedAtMs }] of [...reading.entries].entries()) {
    const other = taken[place]
    if (other?.serialHex !== serialHex || other.revokedAtMs !== revokedAtMs) {
      return `entry ${place} is ${serialHex} at ${revokedAtMs}, for OpenSSL ${other?.serialHex} at ${other?.revokedAtMs}`
    }
  }
  return undefined
}
