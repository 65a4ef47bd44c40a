import { execFile } from 'node:child_process'
import { join } from 'node:path'

/** What the program left behind. */
export type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs `npm run bench` with these arguments, its temporary files in `folder`, for 110 seconds at most. */
export function runBench(args: readonly string[], folder: string): Promise<Ended> {
  const program = join(import.meta.dirname, 'run.ts')
  return new Promise((resolve) => {
    const command = ['--disable-warning=ExperimentalWarning', program, ...args]
    execFile(
      process.execPath,
      command,
      { timeout: 110_000, env: { ...process.env, TMPDIR: folder } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
      },
    )
  })
}

/** The last line of what `--json` prints. */
export function readReport(ended: Ended): unknown {
  return JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? '')
}
