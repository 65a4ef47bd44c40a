import { readSource } from '../tidy/source-files.ts'

/** The boards of config/grafana/ as Grafana reads them; what they were drawn from is not looked at. */
export type GrafanaBoard = {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly templating: { readonly list: readonly GrafanaVariable[] }
  readonly panels: readonly GrafanaPanel[]
}

export type GrafanaVariable = {
  readonly name: string
  readonly type: string
  readonly multi: boolean
  readonly includeAll: boolean
  readonly allValue?: string
  readonly query: string | { readonly query: string }
}

export type GrafanaPanel = {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string
      readonly noValue?: string
      readonly thresholds: { readonly steps: readonly { readonly value: number | null }[] }
    }
  }
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[]
}

export const boardPaths = ['config/grafana/overview.json', 'config/grafana/security.json'] as const

export function readBoards(): GrafanaBoard[] {
  return boardPaths.map((path) => JSON.parse(readSource(path).text) as GrafanaBoard)
}

/** One query of a panel. */
export type BoardQuery = { readonly where: string; readonly expr: string; readonly noValue: string | undefined }

export function queriesOf({ title, panels }: GrafanaBoard): BoardQuery[] {
  return panels.flatMap((panel) =>
    (panel.targets ?? []).map(({ refId, expr }) => ({
      where: `${title} / ${panel.title} / ${refId}`,
      expr,
      noValue: panel.fieldConfig?.defaults.noValue,
    })),
  )
}
