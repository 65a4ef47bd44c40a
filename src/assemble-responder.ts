import { parentPort, workerData } from 'node:worker_threads'
import { createIssuing } from './assemble-issuing.ts'
import { assert } from './base/assert.ts'
import { systemClock } from './base/clock.ts'
import type { ControlLog } from './control-path/ports.ts'
import { OcspResponder } from './publication/ocsp-responder.ts'
import type { PublicationStart, ThreadMessage } from './publication/ports.ts'
import { type PublicationPort, PublicationThread } from './publication/publication-thread.ts'
import { adoptSocket } from './supervise/socket-handle.ts'
import { Freshness } from './trust/freshness.ts'
import { RevocationIndex } from './trust/revocation-index.ts'

/** The publication thread: what the issuing CA tells relying parties. */
async function publish(start: PublicationStart, port: PublicationPort): Promise<void> {
  // Before anything can fail: from here on they are closed when this thread ends, however it ends.
  const handles = start.sockets.map((fd) => adoptSocket(fd))
  const { config } = start
  const issuing = createIssuing(config, start.env)
  assert(issuing?.maker.kind === 'own', 'what publishes signs by itself')
  const { ca: issuer, maker } = issuing
  const log = logTo((message) => port.postMessage(message))
  const common = { issuer, signer: maker.signer, config, clock: systemClock, log }
  const thread = new PublicationThread({ ...common, port })
  const responder = new OcspResponder({
    ...common,
    index: new RevocationIndex(start.index),
    freshness: new Freshness(start.freshness, { clock: systemClock, ...start.revocation }),
    entries: thread.entries,
    lookUp: (key) => thread.lookUp(key),
    issued: (serial, notAfterMs) => thread.responderIssued(serial, notAfterMs),
    counted: (kind) => thread.ocspAnswered(kind),
  })
  // A token may take its time; until there is a certificate every answer is tryLater.
  void responder.start()
  const { socketPath } = start
  await thread.serve({ socketPath, handles, publications: [responder], closing: () => responder.close() })
}

/** The process has one log, which the control thread writes. */
function logTo(post: (message: ThreadMessage) => void): ControlLog {
  const write =
    (level: 'info' | 'warn' | 'error') =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      const { error, ...others } = fields
      post({ type: 'log', level, message, fields: error === undefined ? fields : { ...others, fault: String(error) } })
    }
  return { info: write('info'), warn: write('warn'), error: write('error') }
}

if (parentPort !== null) await publish(workerData as PublicationStart, parentPort)
