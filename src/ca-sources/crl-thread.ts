// One look at a list, in a thread of its own: it may take seconds, and neither clients nor revocations wait for it.
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import type { LookAnswer, LookMessage, LookOrder } from './crl-messages.ts'
import { lookAtPlaces } from './crl-places.ts'

const port = parentPort
assert(port !== null, 'a look has a thread of its own')

let goOn: (() => void) | undefined
port.on('message', (_answer: LookAnswer) => goOn?.())
const say = (message: LookMessage) => port.postMessage(message)

const report = await lookAtPlaces(workerData as LookOrder, {
  phase: (phase) => say({ type: 'phase', phase }),
  tell: (message) =>
    new Promise((resolve) => {
      goOn = resolve
      say(message)
    }),
})
say({ type: 'done', report })
port.close()
