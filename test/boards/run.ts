/**
 * `npm run boards -- --minutes N --out FOLDER`: what the boards show of two gateways under mixed logins, as pages and PNG files.
 * Default 10 minutes, into a new folder for temporary files. Exit codes: 0 drawn, 1 it failed or a panel is without data, 2 wrong
 * command line.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { pngOf, runBoards } from './run-boards.ts'

const minutesMax = 240

function readOptions(): { minutes: number; folder: string } {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, out: { type: 'string' } } })
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes <= minutesMax)) {
    throw new Error(
      `Cannot run as --minutes must be above 0 and at most ${minutesMax}: current value is ${values.minutes}`,
    )
  }
  const folder = values.out === undefined ? mkdtempSync(join(tmpdir(), 'sekisho-boards-')) : resolve(values.out)
  return { minutes, folder }
}

async function main(): Promise<number> {
  let options: ReturnType<typeof readOptions>
  try {
    options = readOptions()
  } catch (error) {
    console.error(`${(error as Error).message}\nUsage: npm run boards -- [--minutes N] [--out FOLDER]`)
    return 2
  }
  const { minutes, folder } = options
  const pictures = await runBoards({ seconds: minutes * 60, folder, tell: (line) => console.log(line) })
  for (const { file, empty } of pictures) {
    console.log(pngOf(file))
    if (empty.length > 0) console.error(`${file}: panels without data: ${empty.join(', ')}`)
  }
  return pictures.every(({ empty }) => empty.length === 0) ? 0 : 1
}

process.exitCode = await main()
