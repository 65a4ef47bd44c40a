/** Values for the variables of a board's expressions; durations as PromQL writes them. */
export type VariableValues = { readonly rateInterval: string; readonly range: string }

/** An expression as Grafana sends it when every gateway and every door is chosen. */
export function fillVariables(expr: string, { rateInterval, range }: VariableValues): string {
  return expr
    .replaceAll('$__rate_interval', rateInterval)
    .replaceAll('$__range', range)
    .replaceAll(/\$(job|instance|door)\b/g, '.+')
}
