import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

// Plays a gateway process for supervisor.test.ts: says and does at each step what the plan of its start says, and writes down
// what it was told. Copied as `src/run-gateway.ts` into a folder of the test's own, so it imports nothing of the project.

export type Plan = {
  /** Instead of saying `prepared`. */
  readonly start?: 'exit' | 'want_resumption' | 'wait'
  readonly open?: 'exit'
  readonly release?: 'fail' | 'exit'
  /** Says no `pong`. */
  readonly hangs?: true
  /** Audit records sent at once after `released`. */
  readonly lastWords?: readonly string[]
}

type Told = { readonly type: string; readonly id: number; readonly records: unknown; readonly question: unknown }

const root = join(import.meta.dirname, '..')
const diary = join(root, 'diary')
const note = (text: string) => appendFileSync(diary, `${text}\n`)
const known = existsSync(diary) ? readFileSync(diary, 'utf8') : ''
const number = known.split(' starts').length
const plans = JSON.parse(readFileSync(join(root, 'plans.json'), 'utf8')) as Plan[]
const plan = plans[number - 1] ?? {}
const say = (message: object) => process.send?.(message)

note(`${number} starts ${process.argv.slice(2).join(' ')}`)

const obey: Readonly<Record<string, (message: Told) => void>> = {
  open: () => {
    if (plan.open === 'exit') process.exit(1)
    say({ type: 'ready', drainTimeoutMs: 1_000 })
  },
  release: () => {
    if (plan.release === 'exit') process.exit(1)
    if (plan.release === 'fail') {
      say({ type: 'release_failed', message: 'as told' })
      return
    }
    say({ type: 'released' })
    for (const record of plan.lastWords ?? []) say({ type: 'audit', records: [record], dropped: 0 })
  },
  take_back: () => {},
  reload: () => say({ type: 'reloaded', result: 'applied' }),
  ping: () => {
    if (plan.hangs !== true) say({ type: 'pong' })
  },
  audit: () => {},
  crash: () => process.exit(3),
  question: ({ id, question }) => say({ type: 'answer', id, parts: [`${number} heard ${question}`] }),
  retiring_answered: () => {},
  // Until the test says `end`, so that it can look at what happens meanwhile.
  drain: () => {},
  stop: () => process.exit(0),
}

process.on('message', (message: Told) => {
  const { type, id: _, ...rest } = message
  note(`${number} ${type}${Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`}`)
  obey[type]?.(message)
})
process.on('disconnect', () => process.exit(1))
for (const [signal, act] of [
  ['SIGUSR1', () => say({ type: 'drained' })],
  ['SIGUSR2', () => process.exit(3)],
  ['SIGHUP', () => say({ type: 'ask_retiring', id: 1, question: 'who is there?' })],
] as const) {
  process.on(signal, act)
}

if (plan.start === 'exit') process.exit(1)
if (plan.start === 'want_resumption') {
  process.send?.({ type: 'node_flags', resumption: true }, () => process.exit(0))
} else if (plan.start !== 'wait') say({ type: 'prepared' })
