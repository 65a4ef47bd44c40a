/**
 * Asks for certificates over EST on the public door, when it is told to begin: one after the other, or at a rate whatever becomes of those
 * before. Sends a message when it is ready, and its report when all orders are done or it is told to stop; ends with its parent.
 */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { systemClock } from '../../src/base/clock.ts'
import type { Order } from './life-orders.ts'

export type IssueSettings = {
  readonly port: number
  readonly rootFile: string
  /** A JSON list of orders. */
  readonly ordersFile: string
  /** 0: one after the other, on one connection. */
  readonly perSecond: number
}

export type IssueReport = {
  /** From when each was due until its certificate had been read. Unit: milliseconds. */
  readonly issueMs: readonly number[]
  /** From the beginning until the last certificate had been read. Unit: seconds. */
  readonly seconds: number
  readonly failed: number
  /** What the first of them were. */
  readonly failures: readonly string[]
}

const connectionsMax = 64
const failuresShownMax = 5
const answerTimeoutMs = 30_000
const tickMs = 2

const settings = JSON.parse(process.argv[2] ?? '{}') as IssueSettings
const orders = JSON.parse(readFileSync(settings.ordersFile, 'utf8')) as Order[]
const agent = new Agent({
  ca: readFileSync(settings.rootFile),
  keepAlive: true,
  maxSockets: settings.perSecond === 0 ? 1 : connectionsMax,
})
const issueMs: number[] = []
const failures: string[] = []
let failed = 0
let stopped = false

function ask({ loginId, secret, request: body }: Order): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port: settings.port,
        agent,
        method: 'POST',
        path: '/.well-known/est/simpleenroll',
        auth: `${loginId}:${secret}`,
        headers: { 'Content-Type': 'application/pkcs10', 'Content-Length': body.length },
      },
      (response) => {
        let text = ''
        response.setEncoding('latin1')
        response.on('data', (part: string) => {
          text += part
        })
        response.once('error', reject)
        response.once('end', () => {
          const certified = /^application\/pkcs7-mime/.test(response.headers['content-type'] ?? '') && text.length > 0
          if (response.statusCode === 200 && certified) resolve()
          else reject(new Error(`${loginId} got ${response.statusCode}: ${text.slice(0, 300)}`))
        })
      },
    )
    call.setTimeout(answerTimeoutMs, () => call.destroy(new Error(`${loginId} got no answer in time`)))
    call.once('error', reject)
    call.end(body)
  })
}

async function askAt(order: Order, dueMs: number): Promise<void> {
  try {
    await ask(order)
    issueMs.push(systemClock.monotonicMs() - dueMs)
  } catch (error) {
    failed++
    if (failures.length < failuresShownMax) failures.push((error as Error).message)
  }
}

async function askInTurn(): Promise<void> {
  for (const order of orders) {
    if (stopped) return
    await askAt(order, systemClock.monotonicMs())
  }
}

/** Each at its own time, also when those before have no answer yet. */
async function askAtRate(startMs: number): Promise<void> {
  const underWay: Promise<void>[] = []
  const dueMs = (place: number) => startMs + (place * 1_000) / settings.perSecond
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      while (!stopped && underWay.length < orders.length && dueMs(underWay.length) <= systemClock.monotonicMs()) {
        const place = underWay.length
        underWay.push(askAt(orders[place] as Order, dueMs(place)))
      }
      if (!stopped && underWay.length < orders.length) return
      clearInterval(timer)
      resolve()
    }, tickMs)
  })
  await Promise.all(underWay)
}

async function run(): Promise<void> {
  const startMs = systemClock.monotonicMs()
  await (settings.perSecond === 0 ? askInTurn() : askAtRate(startMs))
  const report: IssueReport = { issueMs, seconds: (systemClock.monotonicMs() - startMs) / 1_000, failed, failures }
  process.send?.(report, () => process.exit(0))
}

process.on('disconnect', () => process.exit(0))
process.on('message', (message) => {
  if (message === 'begin') void run()
  else stopped = true
})
process.send?.('ready')
