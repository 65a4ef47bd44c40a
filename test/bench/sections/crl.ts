import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { nextMessage, startClient } from '../client-process.ts'
import type { CrlClientSettings, CrlFigures } from '../crl-client.ts'
import { writeCrl, writeCrlPem } from '../crl-file.ts'
import type { CrlOptions } from '../crl-options.ts'
import { type Bar, buildSectionJson, formatBars, formatSection, isMet, type Row, type SectionJson } from '../report.ts'
import { createRevocationPki, type RevocationPki } from '../revocation-pki.ts'
import { SerialList } from '../serial-list.ts'
import type { Ground } from '../session.ts'
import type { Round } from '../statistics.ts'

/** What the section says in the last line of `--json`. */
export type CrlJson = {
  readonly entries: number
  readonly reading: SectionJson
  readonly bars: Readonly<Record<string, { readonly value: number; readonly most: number; readonly met: boolean }>>
}

const timeoutMs = 120_000
/** The bars are made for so many. */
const barEntries = 1_000_000

const labels = { plain: 'without reasons', reasons: 'with a reason each', pem: 'with reasons, as PEM' } as const
type Kind = keyof typeof labels
const kinds = Object.keys(labels) as Kind[]

const rows: readonly Row[] = [
  { quantity: 'read', title: 'reading and verifying (ms)', digits: 0, divisor: 1, ratio: false },
  { quantity: 'perEntry', title: 'the same, an entry (µs)', digits: 3, divisor: 1, ratio: false },
  { quantity: 'grown', title: 'the most memory meanwhile, above before (MB)', digits: 1, divisor: 1e6, ratio: false },
  { quantity: 'packed', title: 'memory of what was read, an entry (bytes)', digits: 1, divisor: 1, ratio: false },
  { quantity: 'iterate', title: 'going through all entries (ms)', digits: 0, divisor: 1, ratio: false },
  { quantity: 'file', title: 'the file (MB)', digits: 1, divisor: 1e6, ratio: false },
]

/** Time and memory of reading a large CRL, each time in a process of its own. */
export async function runCrl(
  ground: Pick<Ground, 'folder' | 'cores' | 'processes' | 'tell'>,
  { entries, rounds: count }: CrlOptions,
): Promise<CrlJson> {
  const pkiFolder = join(ground.folder, 'pki')
  await mkdir(pkiFolder, { recursive: true })
  const pki = await createRevocationPki(pkiFolder)
  ground.tell(`writing lists of ${entries} entries`)
  const lists = await writeLists(ground.folder, pki, entries)
  const rounds: Round[] = []
  for (let round = 0; round < count; round++) {
    ground.tell(`round ${round + 1} of ${count}`)
    const figures: Record<string, Record<string, number>> = {}
    for (const kind of kinds) {
      const { readMs, grownBytes, packedBytes, iterateMs } = await measure(ground, {
        settings: { file: lists[kind].file, issuerFile: pki.issuingFile },
        entries,
      })
      figures[kind] = {
        read: readMs,
        perEntry: (readMs * 1_000) / entries,
        grown: grownBytes,
        packed: packedBytes / entries,
        iterate: iterateMs,
        file: lists[kind].bytes,
      }
    }
    rounds.push(figures)
  }
  const section = { title: `Reading a CRL of ${entries} entries`, base: 'plain', labels, rows, rounds }
  const bars = barsOf(rounds)
  const differs = entries === barEntries ? '' : `, which are made for ${barEntries} entries`
  console.log(`\n${formatSection(section)}\n\n${formatBars(`Bars${differs}`, bars)}`)
  return {
    entries,
    reading: buildSectionJson(section),
    bars: Object.fromEntries(bars.map((bar) => [bar.quantity, { value: bar.value, most: bar.most, met: isMet(bar) }])),
  }
}

async function measure(
  ground: Pick<Ground, 'cores' | 'processes'>,
  job: { settings: CrlClientSettings; entries: number },
): Promise<CrlFigures> {
  const client = startClient('crl-client.ts', { ...ground, cores: ground.cores.gateway, settings: job.settings })
  const figures = (await nextMessage(client, { what: 'read the list', timeoutMs })) as CrlFigures
  await ground.processes.end(client)
  if (figures.entries === job.entries && figures.signatureValid) return figures
  throw new Error(`Cannot measure a list that was read wrongly: ${JSON.stringify(figures)}`)
}

type ListFile = { readonly file: string; readonly bytes: number }

async function writeLists(folder: string, pki: RevocationPki, entries: number): Promise<Record<Kind, ListFile>> {
  const nowMs = systemClock.nowMs()
  const template = {
    issuer: pki.issuing,
    serials: new SerialList(entries).slice(0, entries),
    thisUpdateMs: nowMs,
    nextUpdateMs: nowMs + 86_400_000,
    number: 1,
  }
  const [plain, reasons, pem] = ['plain.der', 'reasons.der', 'reasons.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const plainBytes = await writeCrl(plain, template)
  const reasonsBytes = await writeCrl(reasons, { ...template, reasonCode: 4 })
  const pemBytes = await writeCrlPem(pem, [reasons])
  return {
    plain: { file: plain, bytes: plainBytes },
    reasons: { file: reasons, bytes: reasonsBytes },
    pem: { file: pem, bytes: pemBytes },
  }
}

/** The worst of all rounds and lists counts. */
function barsOf(rounds: readonly Round[]): readonly Bar[] {
  const worst = (quantity: string) =>
    Math.max(...rounds.flatMap((round) => kinds.map((kind) => round[kind]?.[quantity] ?? Number.NaN)))
  return [
    { quantity: 'readSeconds', title: 'longest reading (s)', value: worst('read') / 1_000, most: 3, digits: 2 },
    { quantity: 'grownMb', title: 'most memory meanwhile (MB)', value: worst('grown') / 1e6, most: 150, digits: 1 },
  ]
}
