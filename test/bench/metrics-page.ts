/** One line of a metrics page. */
export type Series = { readonly labels: Readonly<Record<string, string>>; readonly value: number }

const pageTimeoutMs = 10_000

/** The text of a gateway's metrics page. Throws when it cannot be had. */
export async function readMetricsPage(opsPort: number): Promise<string> {
  const url = `http://127.0.0.1:${opsPort}/metrics`
  const response = await fetch(url, { signal: AbortSignal.timeout(pageTimeoutMs) })
  const text = await response.text()
  if (response.ok) return text
  throw new Error(`Cannot read ${url}: it answered ${response.status}`)
}

/** The lines of one metric on a page; empty when it is not there. */
export function findSeries(page: string, name: string): readonly Series[] {
  return page.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (match?.[1] !== name) return []
    const labels = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', value = '']) => [
      key,
      value,
    ])
    return [{ labels: Object.fromEntries(labels) as Record<string, string>, value: readValue(match[3] ?? '') }]
  })
}

function readValue(text: string): number {
  return text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text)
}

/** The sum of a metric over its labels; undefined when the page does not have it. */
export function sumOf(page: string, name: string): number | undefined {
  const found = findSeries(page, name)
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
}
