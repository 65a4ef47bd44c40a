/** A series of a scraped page. */
export type Sample = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export type Family = { readonly name: string; readonly type: string; readonly samples: readonly Sample[] }

const nameForm = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const sampleForm = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const labelForm = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/

/**
 * Reads the Prometheus text format 0.0.4 and refuses what a scraper would refuse, and some more: HELP and TYPE before
 * the samples of each family, each family once, no series twice, cumulative buckets that end with +Inf and the count.
 */
export function parsePrometheus(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the page does not end with a newline')
  const families = new Map<string, { name: string; type: string; samples: Sample[] }>()
  const helped = new Set<string>()
  const seen = new Set<string>()
  let current: { name: string; type: string; samples: Sample[] } | undefined
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (keyword !== undefined) {
      if (!nameForm.test(name)) throw new Error(`bad name: ${line}`)
      if (keyword === 'HELP') helped.add(name)
      if (keyword === 'HELP' && rest === '') throw new Error(`empty help: ${line}`)
      if (keyword !== 'TYPE') continue
      if (families.has(name) || !helped.has(name)) throw new Error(`family twice or without help: ${line}`)
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new Error(`bad type: ${line}`)
      current = { name, type: rest, samples: [] }
      families.set(name, current)
      continue
    }
    const sample = parseSample(line)
    if (current === undefined || !belongs(sample.name, current)) throw new Error(`sample outside its family: ${line}`)
    const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`
    if (seen.has(key)) throw new Error(`series twice: ${line}`)
    seen.add(key)
    current.samples.push(sample)
  }
  for (const family of families.values()) if (family.type === 'histogram') checkBuckets(family)
  return families
}

function parseSample(line: string): Sample {
  const [, name = '', labelText = '', valueText = ''] = sampleForm.exec(line) ?? []
  const value = valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText)
  if (name === '' || (Number.isNaN(value) && valueText.toLowerCase() !== 'nan')) throw new Error(`bad sample: ${line}`)
  const labels: Record<string, string> = {}
  for (let rest = labelText; rest !== ''; ) {
    const [whole, label, labelValue] = labelForm.exec(rest) ?? []
    if (whole === undefined || label === undefined || labelValue === undefined) throw new Error(`bad labels: ${line}`)
    if (label in labels) throw new Error(`label twice: ${line}`)
    labels[label] = labelValue
    rest = rest.slice(whole.length)
  }
  return { name, labels, value }
}

function belongs(sampleName: string, family: { readonly name: string; readonly type: string }): boolean {
  if (family.type !== 'histogram' && family.type !== 'summary') return sampleName === family.name
  return [family.name, `${family.name}_bucket`, `${family.name}_sum`, `${family.name}_count`].includes(sampleName)
}

function checkBuckets(family: Family): void {
  const series = new Map<string, { bound: number; count: number }[]>()
  const keyOf = (labels: Readonly<Record<string, string>>) =>
    JSON.stringify(Object.entries(labels).filter(([label]) => label !== 'le'))
  for (const { name, labels, value } of family.samples) {
    if (!name.endsWith('_bucket')) continue
    const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le)
    series.set(keyOf(labels), [...(series.get(keyOf(labels)) ?? []), { bound, count: value }])
  }
  for (const [key, buckets] of series) {
    buckets.reduce((before, bucket) => {
      if (bucket.bound <= before.bound || bucket.count < before.count)
        throw new Error(`buckets of ${family.name}${key}`)
      return bucket
    })
    const count = family.samples.find(({ name, labels }) => name.endsWith('_count') && keyOf(labels) === key)
    const last = buckets.at(-1)
    if (last?.bound !== Number.POSITIVE_INFINITY || last.count !== count?.value)
      throw new Error(`count of ${family.name}`)
  }
}

/** The value of one series; throws when the page does not have it. */
export function sampleValue(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels)
  for (const family of parsePrometheus(text).values()) {
    for (const sample of family.samples) {
      if (sample.name !== name || Object.keys(sample.labels).length !== wanted.length) continue
      if (wanted.every(([label, value]) => sample.labels[label] === value)) return sample.value
    }
  }
  throw new Error(`no series ${name}${JSON.stringify(labels)}`)
}
