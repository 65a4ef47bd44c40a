import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { systemClock } from '../../../src/base/clock.ts'
import { contractUsers, loginIdAt } from '../life-people.ts'
import type { Row } from '../report.ts'
import { percentile, type Round } from '../statistics.ts'
import { type LifeGateway, type LifeGround, type PartResult, storeKinds, storeLabels } from './life-ground.ts'

const pageMostMs = 200
const times = { full: 200, quick: 50 }
const path = '/.sekisho/users'
const answerTimeoutMs = 15_000

const row = (quantity: string, title: string): Row => ({ quantity, title, digits: 1, divisor: 1, ratio: false })
const rows: readonly Row[] = [
  row('first', 'first page on a new connection (ms)'),
  row('p50', 'p50 on a kept connection (ms)'),
  row('p99', 'p99 on a kept connection (ms)'),
  { quantity: 'bytes', title: 'length of the page (KB)', digits: 1, divisor: 1_000, ratio: false },
]

/** How soon a master has the list of the 100 users of their contract, through the certificate door. */
export async function measurePage(life: LifeGround): Promise<PartResult> {
  const pages = life.options.quick ? times.quick : times.full
  const round: Round = {}
  for (const kind of storeKinds) {
    life.tell(`page: ${pages} times over the ${storeLabels[kind]}`)
    round[kind] = await timePages(await life.gateway(kind), { pages, rootFile: life.pki.rootFile })
  }
  const bars = storeKinds.map((kind) => ({
    quantity: `pageP99-${kind}`,
    title: `p99 of the list of ${contractUsers} users, ${storeLabels[kind]} (ms)`,
    value: round[kind]?.p99 ?? Number.NaN,
    most: pageMostMs,
    digits: 1,
  }))
  const measured = `${path} as the master, ${pages} times one after the other`
  return {
    section: {
      title: `List of ${contractUsers} users`,
      base: 'embedded',
      labels: storeLabels,
      rows,
      rounds: [round],
      measured,
    },
    bars,
  }
}

async function timePages(gateway: LifeGateway, { pages, rootFile }: { pages: number; rootFile: string }) {
  const { certificatePem: cert, keyPem: key } = gateway.master
  const agent = new Agent({ ca: readFileSync(rootFile), cert, key, keepAlive: true, maxSockets: 1 })
  try {
    const spent: number[] = []
    let bytes = 0
    for (let place = 0; place <= pages; place++) {
      const startMs = systemClock.monotonicMs()
      const text = await readPage(gateway.port, agent)
      spent.push(systemClock.monotonicMs() - startMs)
      bytes = Buffer.byteLength(text)
      if (place === 0) checkPage(text)
    }
    const [first = Number.NaN, ...rest] = spent
    return { first, p50: percentile(rest, 50), p99: percentile(rest, 99), bytes }
  } finally {
    agent.destroy()
  }
}

/** The text of the page; rejects on any answer but 200. */
function readPage(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, agent, path }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.once('error', reject)
      response.once('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`Cannot read ${path}: the gateway answered ${response.statusCode} ${text.slice(0, 300)}`))
      })
    })
    call.setTimeout(answerTimeoutMs, () => call.destroy(new Error(`Cannot read ${path}: no answer in time`)))
    call.once('error', reject)
    call.end()
  })
}

/** A page counts only if every user of the contract stands in it. */
function checkPage(text: string): void {
  for (let place = 0; place < contractUsers; place++) {
    if (!text.includes(loginIdAt(place))) throw new Error(`Cannot count a list of users without ${loginIdAt(place)}`)
  }
}
