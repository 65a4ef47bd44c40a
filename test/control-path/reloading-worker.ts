import { parentPort, workerData } from 'node:worker_threads'
import type { ControlMessage } from '../../src/trust/worker-messages.ts'

// Plays a data worker for reload.test.ts: has a configuration by name, prepares, commits or abandons another one, and goes wrong in
// the way the reload tells it. `connections_of` answers the name in use as a door, `list_connections` the one prepared.

/** What a worker is told; `trouble` happens to the worker of that slot only. */
export type PlayedReload = {
  readonly name: string
  readonly trouble?: { readonly slot: number; readonly how: 'die' | 'die_at_commit' | 'fail' | 'hang' }
}

const port = parentPort
const { slot, name } = workerData as { slot: number; name: string }
let inUse = name
let prepared: PlayedReload | undefined

port?.on('message', (message: ControlMessage) => {
  if (message.type !== 'call') return
  const { call, id } = message
  const done = (value: unknown) => port.postMessage({ type: 'done', id, value })
  switch (call.type) {
    case 'reload_prepare': {
      prepared = call.reload as PlayedReload
      const how = prepared.trouble?.slot === slot ? prepared.trouble.how : undefined
      if (how === 'die') process.exit(3)
      if (how === 'fail') port.postMessage({ type: 'failed', id, message: 'Cannot use the upstream' })
      else if (how !== 'hang') done(0)
      return
    }
    case 'reload_commit':
      if (prepared?.trouble?.how === 'die_at_commit' && prepared.trouble.slot === slot) process.exit(3)
      inUse = prepared?.name ?? 'nothing prepared'
      prepared = undefined
      done(2)
      return
    case 'reload_abandon':
      prepared = undefined
      done(0)
      return
    case 'connections_of':
      done([{ door: inUse }])
      return
    case 'list_connections':
      done([{ door: prepared?.name ?? 'nothing', openedAtMs: slot }])
      return
    default:
      done(0)
  }
})
port?.postMessage({ type: 'ready' })
