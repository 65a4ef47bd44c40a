// The boards of config/grafana/, drawn from scripts/boards/. `node scripts/grafana-boards.ts` writes them; a test compares.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Board } from './boards/board.ts'
import { grafanaJson } from './boards/grafana-json.ts'
import { overviewBoard } from './boards/overview-board.ts'
import { securityBoard } from './boards/security-board.ts'

/** Every board there is. */
export const boards: readonly Board[] = [overviewBoard, securityBoard]

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where a board lies for Grafana. */
export function boardFile({ file }: Board): string {
  return join(root, 'config', 'grafana', file)
}

if (import.meta.main) {
  for (const board of boards) writeFileSync(boardFile(board), `${JSON.stringify(grafanaJson(board), undefined, 2)}\n`)
  const biome = join(root, 'node_modules', '.bin', 'biome')
  execFileSync(biome, ['format', '--write', ...boards.map(boardFile)], { stdio: ['ignore', 'ignore', 'inherit'] })
}
