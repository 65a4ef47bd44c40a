import { parseArgs } from 'node:util'
import { type CrlOptions, crlWord, readCrlOptions } from './crl-options.ts'
import { type GatewayName, gatewayNames } from './gateways/gateway.ts'
import { type LifeOptions, lifeWord, readLifeOptions } from './life-options.ts'
import { OptionsError, readNames, readNumber } from './number-option.ts'
import { type OcspOptions, ocspWord, readOcspOptions } from './ocsp-options.ts'
import { type PublicationOptions, publicationWord, readPublicationOptions } from './publication-options.ts'
import { type RevocationOptions, readRevocationOptions, revocationWord } from './revocation-options.ts'

/** Parts of the benchmark that only run when asked for; the main one runs when none of them is. */
export const extraNames = ['http2', 'workers', 'bulk', 'idle', 'slow'] as const

export type ExtraName = (typeof extraNames)[number]

/** What one run of the benchmark does. Every number has an upper bound, so a run ends by itself. */
export type BenchOptions = {
  /** Interleaved rounds. Default 7, with `--quick` 5. Range 1 to 50. */
  readonly rounds: number
  /** Rounds in which memory is measured too: all of them, with `--quick` two, because each starts every gateway afresh. */
  readonly memoryRounds: number
  /** Rounds beyond the first do without memory when the run would last longer. Unit: milliseconds. With `--quick` 55 000. */
  readonly memoryBudgetMs: number
  /** Length aimed at for one load run. Unit: milliseconds. Default 3 000, with `--quick` 500. Range 50 to 30 000. */
  readonly turnMs: number
  /** Idle connections held while memory is read. Default 2 000, with `--quick` 1 000. Range 10 to 2 000. */
  readonly idleConnections: number
  /** The parts asked for by name; empty: the main one. */
  readonly extras: readonly ExtraName[]
  /** Idle connections held by the part `idle`. Range 10 to 25 000: one address has no more ports. */
  readonly idleHeld: number
  /** Slow clients of the part `slow`. Range 3 to 10 000. */
  readonly slowClients: number
  /** Length of the transfers during which memory is watched. Unit: MiB. Default 1 024. Range 1 to 8 192. */
  readonly transferMib: number
  /** Gateways that take part. Default: all four. */
  readonly gateways: readonly GatewayName[]
  /** Whether a second table is made with access logs to a file. */
  readonly accessLogs: boolean
  /** Whether the last line of standard output is the JSON object. */
  readonly json: boolean
  /** The section of its own that the word `revocation` asks for, in place of everything else. */
  readonly revocation: RevocationOptions | undefined
  /** The same for the word `life`. */
  readonly life: LifeOptions | undefined
  /** The same for the word `ocsp`. */
  readonly ocsp: OcspOptions | undefined
  /** The same for the word `crl`. */
  readonly crl: CrlOptions | undefined
  /** The same for the word `publication`. */
  readonly publication: PublicationOptions | undefined
}

/** Flags of the sections that have a word of their own, beside the shared ones; the rest go without a word. */
const flagsOfWords = {
  [revocationWord]: ['entries', 'connections', 'fleet', 'pushes', 'parts'],
  [lifeWord]: ['users', 'issues', 'rate', 'requests', 'parts'],
  [ocspWord]: ['certificates'],
  [crlWord]: ['entries'],
  [publicationWord]: ['entries'],
} as const
const words = Object.keys(flagsOfWords) as (keyof typeof flagsOfWords)[]
const sharedFlags = ['rounds', 'turn', 'quick', 'json']

/** Reads the command line as README.md describes it; throws `OptionsError`. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, word } = readFlags(args)
  const quick = values.quick === true
  const rounds = readNumber('--rounds', values.rounds, { fallback: quick ? 5 : 7, min: 1, max: 50 })
  const turnMs = readNumber('--turn', values.turn, { fallback: quick ? 500 : 3_000, min: 50, max: 30_000 })
  return {
    rounds,
    memoryRounds: quick ? Math.min(2, rounds) : rounds,
    memoryBudgetMs: quick ? 55_000 : Number.POSITIVE_INFINITY,
    turnMs,
    idleConnections: readNumber('--idle-connections', values['idle-connections'], {
      fallback: quick ? 1_000 : 2_000,
      min: 10,
      max: 2_000,
    }),
    extras: extraNames.filter((name) => values[name] !== undefined && values[name] !== false),
    idleHeld: readNumber('--idle', values.idle, { fallback: 10_000, min: 10, max: 25_000 }),
    slowClients: readNumber('--slow', values.slow, { fallback: 1_000, min: 3, max: 10_000 }),
    transferMib: readNumber('--transfer-mib', values['transfer-mib'], { fallback: 1_024, min: 1, max: 8_192 }),
    gateways: readNames('--gateways', values.gateways, gatewayNames),
    accessLogs: values['access-logs'] === true,
    json: values.json === true,
    revocation: word === revocationWord ? readRevocationOptions(values) : undefined,
    life: word === lifeWord ? readLifeOptions(values) : undefined,
    ocsp: word === ocspWord ? readOcspOptions(values) : undefined,
    crl: word === crlWord ? readCrlOptions(values) : undefined,
    publication: word === publicationWord ? readPublicationOptions(values) : undefined,
  }
}

/** The flags, and the word that asks for a section of its own; undefined: there is none. */
function readFlags(args: readonly string[]) {
  const { values, positionals } = parse(args)
  const [first, ...more] = positionals
  const word = words.find((known) => known === first)
  if ((first !== undefined && word === undefined) || more.length > 0) {
    const shown = JSON.stringify(word === undefined ? first : more[0])
    throw new OptionsError(`Cannot take a word as a part other than ${words.join(' or ')}: current value is ${shown}`)
  }
  for (const name of Object.keys(values)) {
    const of = words.filter((known) => flagsOfWords[known].some((flag) => flag === name))
    if (sharedFlags.includes(name) || (word === undefined ? of.length === 0 : of.includes(word))) continue
    const hint = word === undefined ? `without the word ${of.join(' or ')}` : `together with the word ${word}`
    throw new OptionsError(`Cannot take --${name} ${hint}`)
  }
  return { values, word }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string' },
        turn: { type: 'string' },
        'idle-connections': { type: 'string' },
        gateways: { type: 'string' },
        http2: { type: 'boolean' },
        workers: { type: 'boolean' },
        bulk: { type: 'boolean' },
        idle: { type: 'string' },
        slow: { type: 'string' },
        'transfer-mib': { type: 'string' },
        'access-logs': { type: 'boolean' },
        quick: { type: 'boolean' },
        json: { type: 'boolean' },
        entries: { type: 'string' },
        connections: { type: 'string' },
        fleet: { type: 'string' },
        pushes: { type: 'string' },
        parts: { type: 'string' },
        users: { type: 'string' },
        issues: { type: 'string' },
        rate: { type: 'string' },
        requests: { type: 'string' },
        certificates: { type: 'string' },
      },
      allowPositionals: true,
    })
  } catch (cause) {
    throw new OptionsError((cause as Error).message)
  }
}
