import { dirname } from 'node:path'
import { startedFile } from '../base/started-file.ts'
import { askSecret } from './ask-secret.ts'
import { runCommand } from './run-command.ts'

// Whoever reads the output may stop early, as `head` does: what is left then goes nowhere.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

// A name server that does not answer holds a thread of the process, ten seconds and more, which nothing can end: the doctor has to be done
// by then. glibc reads this at the first look-up (resolv.conf(5)); a gateway started by this command line does not inherit it.
if (process.argv.includes('doctor')) process.env.RES_OPTIONS ??= 'timeout:1 attempts:2'

/** Entry of the command line: argv, environment, standard streams and the exit code; `run-command.ts` does the rest. */
process.exitCode = await runCommand(process.argv.slice(2), {
  env: process.env,
  root: dirname(dirname(dirname(startedFile(process.argv[1], import.meta.filename)))),
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  get input() {
    return process.stdin
  },
  get askSecret() {
    if (!process.stdin.isTTY) return undefined
    return (question: string) => askSecret(question, process.stdin, (text) => void process.stderr.write(text))
  },
  errorColumns: () => (process.stderr.isTTY ? process.stderr.columns : undefined),
})
