/**
 * Logs in at a bounded rate until it is told to stop: new connections with one request each, and requests on kept ones, over
 * all gateways in turn. Sends a message when it has begun, one with the count so far for each message it gets, and ends with its parent.
 */
import { readFileSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { BenchClient, clientContext, visit } from './bench-client.ts'

export type LoginSettings = {
  readonly ports: readonly number[]
  readonly rootFile: string
  readonly clientFile: string
  readonly connectionsPerSecond: number
  readonly requestsPerSecond: number
}

export type LoginCount = {
  readonly connections: number
  readonly requests: number
  /** Of both together: anything but 200 with the page. */
  readonly failed: number
  /** What the first of them were. */
  readonly failures: readonly string[]
  /** Times of the new connections with their request since the last count. Unit: milliseconds. */
  readonly connectionMs: readonly number[]
  /** Times of the requests on kept connections since the last count. Unit: milliseconds. */
  readonly requestMs: readonly number[]
}

type Kept = { readonly port: number; readonly client: BenchClient }

const keptPerGateway = 16
const waitingMax = 2_000
const failuresShownMax = 5

const settings = JSON.parse(process.argv[2] ?? '{}') as LoginSettings
const pem = readFileSync(settings.clientFile, 'utf8')
const secureContext = clientContext({ ca: readFileSync(settings.rootFile), cert: pem, key: pem })
const { ports } = settings
/** Kept connections that wait for no answer. */
const idle: Kept[] = []
const waiting: ((kept: Kept) => void)[] = []
const failures: string[] = []
let failed = 0
let connections = 0
let requests = 0
let connectionMs: number[] = []
let requestMs: number[] = []

function fail(why: string): void {
  failed++
  if (failures.length < failuresShownMax) failures.push(why)
}

async function connectOnce(): Promise<void> {
  const startedMs = systemClock.monotonicMs()
  const port = ports[connections++ % ports.length] as number
  try {
    const { answer, atMs } = await visit(port, secureContext)
    connectionMs.push(atMs - startedMs)
    if (answer !== 'permitted') fail(`a new connection to port ${port} was ${answer}`)
  } catch (error) {
    fail((error as Error).message)
  }
}

/**
 * On the connection that has waited longest. When all of them wait for an answer the request waits too, and its time counts from
 * when it was due; only when very many wait is that a failure of its own.
 */
async function askOnce(): Promise<void> {
  const startedMs = systemClock.monotonicMs()
  requests++
  if (waiting.length >= waitingMax) return fail(`${waitingMax} requests wait for a kept connection`)
  const kept = idle.shift() ?? (await new Promise<Kept>((resolve) => waiting.push(resolve)))
  try {
    const { answer, atMs } = await kept.client.ask()
    requestMs.push(atMs - startedMs)
    if (answer !== 'permitted') fail(`a request on a kept connection was ${answer} (${kept.client.fault ?? 'orderly'})`)
  } catch (error) {
    fail((error as Error).message)
  }
  release(kept.client.isOpen ? kept : keep(kept.port))
}

function keep(port: number): Kept {
  return { port, client: new BenchClient(port, secureContext) }
}

function release(kept: Kept): void {
  const next = waiting.shift()
  if (next === undefined) idle.push(kept)
  else next(kept)
}

/** Does it so often a second, whatever becomes of those before. */
function atRate(perSecond: number, act: () => Promise<void>): void {
  const startMs = systemClock.monotonicMs()
  let done = 0
  setInterval(
    () => {
      const due = Math.floor(((systemClock.monotonicMs() - startMs) * perSecond) / 1_000)
      // After a stall of this program's own the rest is not made up for all at once.
      if (due - done > perSecond) done = due - 1
      for (; done < due; done++) void act()
    },
    Math.max(1, 500 / perSecond),
  )
}

process.on('message', () => {
  const count: LoginCount = { connections, requests, failed, failures, connectionMs, requestMs }
  process.send?.(count)
  connectionMs = []
  requestMs = []
})
process.on('disconnect', () => process.exit(0))
for (const port of ports.flatMap((port) => Array<number>(keptPerGateway).fill(port))) {
  const kept = keep(port)
  const { answer } = await kept.client.ask()
  if (answer !== 'permitted') throw new Error(`Cannot log in: a connection was ${answer}`)
  idle.push(kept)
}
atRate(settings.connectionsPerSecond, connectOnce)
atRate(settings.requestsPerSecond, askOnce)
process.send?.('begun')
