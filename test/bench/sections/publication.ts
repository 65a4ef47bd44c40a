import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { systemClock } from '../../../src/base/clock.ts'
import { nextMessage, startClient } from '../client-process.ts'
import { freePort } from '../own-processes.ts'
import type { PublicationFigures, PublicationSettings } from '../publication-client.ts'
import type { PublicationOptions } from '../publication-options.ts'
import { type Bar, buildSectionJson, formatBars, formatSection, isMet, type Row, type SectionJson } from '../report.ts'
import type { Ground } from '../session.ts'
import { spread } from '../statistics.ts'

/** What the section says in the last line of `--json`. */
export type PublicationJson = {
  readonly entries: number
  readonly publishing: SectionJson
  readonly bars: Readonly<Record<string, { readonly value: number; readonly most: number; readonly met: boolean }>>
}

const timeoutMs = 900_000
const path = '/pki/bench.crl'
const downloads = 12
const downloadsAtOnce = 4
const conditionalMs = 2_000
const conditionalAtOnce = 16

const rows: readonly Row[] = [
  row('load', 'from the start to the first list (ms)', 1),
  row('sign', 'building, signing, verifying both lists (ms)', 1),
  row('change', 'from a revocation to the list that has it, 200 ms of settling included (ms)', 1),
  row('loadBlock', 'longest block of the control thread while loading (ms)', 1),
  row('changeBlock', 'longest block of the control thread while changes are signed (ms)', 1),
  row('most', 'the most memory, above before (MB)', 1e6),
  row('kept', 'memory at the end, above before (MB)', 1e6),
  row('bytes', 'the list (MB)', 1e6),
  row('served', `served, ${downloadsAtOnce} at a time (MB a second)`, 1e6),
  row('notModified', `304, ${conditionalAtOnce} connections (a second)`, 1),
]

function row(quantity: string, title: string, divisor: number): Row {
  return { quantity, title, digits: divisor === 1 ? 0 : 1, divisor, ratio: false }
}

/** What it costs to publish a large list, and how long the control thread is held up by it. */
export async function runPublication(
  ground: Pick<Ground, 'folder' | 'cores' | 'processes' | 'tell'>,
  { entries, rounds }: PublicationOptions,
): Promise<PublicationJson> {
  const port = await freePort()
  const settings: PublicationSettings = { folder: ground.folder, port, entries, rounds }
  ground.tell(`seeding a store with ${entries} revocations, and publishing them`)
  // Control thread and publication thread share the machine with the load, as they do with data workers.
  const cores = `${ground.cores.gateway},${ground.cores.load}`
  const client = startClient('publication-client.ts', { ...ground, cores, settings })
  const figures = (await nextMessage(client, { what: 'publish the list', timeoutMs })) as PublicationFigures
  ground.tell('downloading it')
  const served = await download(port, figures.bytes)
  const notModified = await askConditionally(port)
  await ground.processes.end(client)
  const { sign, change, ...rest } = figures
  const measured = { ...rest, sign: spread(sign).median, change: spread(change).median, served, notModified }
  const section = {
    title: `Publishing a CRL of ${entries} entries`,
    base: 'sekisho',
    labels: { sekisho: 'Sekisho' },
    rows,
    rounds: [{ sekisho: measured }],
    measured: `${rounds} changes, median; the rest once`,
  }
  const bars: readonly Bar[] = [
    {
      quantity: 'changeBlock',
      title: 'longest block while changes are signed (ms)',
      value: figures.changeBlock,
      most: 20,
      digits: 1,
    },
    { quantity: 'loadBlock', title: 'longest block while loading (ms)', value: figures.loadBlock, most: 50, digits: 1 },
  ]
  console.log(`\n${formatSection(section)}\n\n${formatBars('Bars', bars)}`)
  return {
    entries,
    publishing: buildSectionJson(section),
    bars: Object.fromEntries(bars.map((bar) => [bar.quantity, { value: bar.value, most: bar.most, met: isMet(bar) }])),
  }
}

/** Bytes a second. */
async function download(port: number, bytes: number): Promise<number> {
  const startMs = systemClock.monotonicMs()
  let left = downloads
  const one = async () => {
    while (left-- > 0) {
      const answer = await ask(port, {})
      let received = 0
      for await (const chunk of answer) received += (chunk as Buffer).length
      if (received !== bytes) throw new Error(`Cannot download the list: ${received} of ${bytes} bytes came`)
    }
  }
  await Promise.all(Array.from({ length: downloadsAtOnce }, one))
  return (bytes * downloads * 1_000) / (systemClock.monotonicMs() - startMs)
}

/** Answers a second. */
async function askConditionally(port: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: conditionalAtOnce })
  const first = await ask(port, { method: 'HEAD', agent })
  first.resume()
  const { etag = '' } = first.headers
  const endMs = systemClock.monotonicMs() + conditionalMs
  let count = 0
  const one = async () => {
    while (systemClock.monotonicMs() < endMs) {
      const answer = await ask(port, { agent, headers: { 'If-None-Match': etag } })
      answer.resume()
      await once(answer, 'end')
      if (answer.statusCode !== 304) throw new Error(`Cannot count answers other than 304: ${answer.statusCode}`)
      count++
    }
  }
  await Promise.all(Array.from({ length: conditionalAtOnce }, one))
  agent.destroy()
  return (count * 1_000) / conditionalMs
}

async function ask(port: number, options: object): Promise<IncomingMessage> {
  const asked = request({ host: '127.0.0.1', port, path, ...options })
  asked.end()
  const [answer] = await once(asked, 'response')
  return answer as IncomingMessage
}
