/** One series over time; what is not a number is undefined, and times without a sample are left out. */
export type TimeSeries = {
  readonly labels: Readonly<Record<string, string>>
  readonly points: readonly (readonly [timeSeconds: number, value: number])[]
}

/** A span of time and the distance of its points. Unit: seconds. */
export type TimeSpan = { readonly startSeconds: number; readonly endSeconds: number; readonly stepSeconds: number }

type Matrix = { readonly metric: Readonly<Record<string, string>>; readonly values: readonly [number, string][] }[]

/** The series of an expression, from `/api/v1/query_range` of the Prometheus at `url`. Rejects with its own words where it refuses. */
export async function queryRange(url: string, expr: string, span: TimeSpan): Promise<TimeSeries[]> {
  const parameters = new URLSearchParams({
    query: expr,
    start: String(span.startSeconds),
    end: String(span.endSeconds),
    step: String(span.stepSeconds),
  })
  const answer = await fetch(new URL(`api/v1/query_range?${parameters}`, url.endsWith('/') ? url : `${url}/`))
  const body = (await answer.json()) as { status: string; error?: string; data: { result: Matrix } }
  if (body.status !== 'success') throw new Error(`Cannot evaluate as Prometheus refuses: ${body.error}: ${expr}`)
  return body.data.result.map(({ metric, values }) => ({
    labels: metric,
    points: values.flatMap(([time, text]): [number, number][] => {
      const value = Number(text)
      return Number.isFinite(value) ? [[time, value]] : []
    }),
  }))
}

/** Name of a series, as a legend writes it with `{{label}}`. */
export function legendOf(legend: string, { labels }: Pick<TimeSeries, 'labels'>): string {
  return legend.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => labels[name] ?? '')
}
