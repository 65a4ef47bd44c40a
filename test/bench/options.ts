import { parseArgs } from 'node:util'
import { type GatewayName, gatewayNames } from './gateways/gateway.ts'

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
  /** Gateways that take part. Default: all four. */
  readonly gateways: readonly GatewayName[]
  /** Whether a second table is made with access logs to a file. */
  readonly accessLogs: boolean
  /** Whether the last line of standard output is the JSON object. */
  readonly json: boolean
}

/** A command line that cannot be carried out; the message says what is allowed. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError'
}

/** Reads `--rounds N --turn MS --idle-connections K --gateways a,b --access-logs --quick --json`; throws `OptionsError`. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const values = readFlags(args)
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
    gateways: readGateways(values.gateways),
    accessLogs: values['access-logs'] === true,
    json: values.json === true,
  }
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string' },
        turn: { type: 'string' },
        'idle-connections': { type: 'string' },
        gateways: { type: 'string' },
        'access-logs': { type: 'boolean' },
        quick: { type: 'boolean' },
        json: { type: 'boolean' },
      },
    }).values
  } catch (cause) {
    throw new OptionsError((cause as Error).message)
  }
}

function readNumber(
  flag: string,
  text: string | undefined,
  range: { fallback: number; min: number; max: number },
): number {
  if (text === undefined) return range.fallback
  const number = Number(text)
  if (Number.isInteger(number) && number >= range.min && number <= range.max) return number
  throw new OptionsError(
    `Cannot take ${flag} as a whole number from ${range.min} to ${range.max}: current value is ${text}`,
  )
}

function readGateways(text: string | undefined): readonly GatewayName[] {
  if (text === undefined) return gatewayNames
  const asked = text.split(',')
  const unknown = asked.find((name) => !gatewayNames.includes(name as GatewayName))
  if (unknown === undefined) return gatewayNames.filter((name) => asked.includes(name))
  throw new OptionsError(`Cannot take --gateways as a list of ${gatewayNames.join(', ')}: current value is ${unknown}`)
}
