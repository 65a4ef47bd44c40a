/** The publication thread of the section `publication`: lists only. */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/base/clock.ts'
import type { GatewayConfig } from '../../src/config/gateway-config.ts'
import { type PublicationPort, PublicationThread } from '../../src/publication/publication-thread.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'

/** What it is started with. */
export type PublicationWorkerData = {
  readonly config: Pick<GatewayConfig, 'publication' | 'issuers'>
  readonly keyPem: string
  readonly socketPath: string
  readonly port: number
}

const { config, keyPem, socketPath, port } = workerData as PublicationWorkerData
const thread = new PublicationThread({
  port: parentPort as PublicationPort,
  issuer: readIssuingCa(config.issuers[0] as GatewayConfig['issuers'][number], systemClock.nowMs()),
  signer: createFileSigner({ keyPem, keyPassword: undefined }),
  config,
  clock: systemClock,
  log: console,
})
await thread.serve({ socketPath, handles: [{ host: '127.0.0.1', port }], publications: [] })
