import { parentPort, workerData } from 'node:worker_threads'
import type { ControlMessage } from '../../src/trust/worker-messages.ts'

// Plays a data worker for worker-pool.test.ts: answers calls, and ends in the way a `connections_of` call names. Asked for the keys of
// its connections, it has one that all workers have and one of its own; the next time its own has left, and another came and went.

type Start = { readonly id: string; readonly failToOpen: boolean; readonly failToListen: boolean }

const { id, failToOpen, failToListen } = workerData as Start
const port = parentPort
let asked = 0

function keyChanges() {
  asked++
  if (asked === 1) return { added: ['shared', id], removed: [], untracked: 1 }
  if (asked === 2) return { added: ['passer'], removed: ['passer', id], untracked: 0 }
  return { added: [], removed: [], untracked: 0 }
}

if (failToOpen) throw new Error(`Cannot open as told: ${id}`)

port?.on('message', (message: ControlMessage) => {
  if (message.type === 'answer') {
    port.postMessage({
      type: 'audit',
      notes: [{ kind: 'refused', record: { id, answer: message.answer } }],
      dropped: 0,
    })
    return
  }
  if (message.type === 'use_noted') return
  const { call } = message
  const done = (value: unknown) => port.postMessage({ type: 'done', id: message.id, value })
  switch (call.type) {
    case 'connections_of':
      if (call.loginId === 'exit') process.exit(3)
      if (call.loginId === 'throw')
        setImmediate(() => {
          throw new Error('a defect')
        })
      if (call.loginId === 'ask') port.postMessage({ type: 'ask', id: 7, loginId: 'user01', certificateKey: 'key' })
      if (call.loginId === 'ask' || call.loginId === 'ok') done([])
      return
    case 'assertion_keys':
      port.postMessage({ type: 'audit', notes: [{ kind: 'refused', record: { id, keys: call.jwks } }], dropped: 0 })
      done(0)
      return
    case 'cut':
      done(2)
      return
    case 'recheck':
      done(3)
      return
    case 'key_changes':
      done(keyChanges())
      return
    case 'open_doors':
      if (failToListen) throw new Error(`Cannot listen as told: ${id}`)
      done(0)
      return
    default:
      done(0)
  }
})
port?.postMessage({ type: 'ready' })
