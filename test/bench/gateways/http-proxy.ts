import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { freePort, waitReady } from '../own-processes.ts'
import { accepts } from '../port-check.ts'
import type { RunningGateway, Site } from './gateway.ts'

/** http-proxy 1.18.1 behind node:https, as its own process on the same Node as Sekisho. */
export async function startHttpProxy(site: Site): Promise<RunningGateway> {
  const port = await freePort()
  const settings = JSON.stringify({
    port,
    upstreamPort: site.upstreamPort,
    certificateFile: site.pki.serverCertificateFile,
    keyFile: site.pki.serverKeyFile,
    clientIssuersFile: site.pki.clientIssuersFile,
  })
  const program = join(import.meta.dirname, 'http-proxy-process.ts')
  const command = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=DEP0060',
    program,
    settings,
  ]
  const started = site.processes.start(command, { cores: site.gatewayCores, messages: true })
  await waitReady(started, () => accepts(port), { what: 'http-proxy', timeoutMs: 10_000 })
  return {
    name: 'httpProxy',
    port,
    pid: started.pid,
    sessionsResumed: () => askResumed(started.child),
    end: () => site.processes.end(started),
  }
}

function askResumed(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('message', (message) => resolve(Number(message)))
    child.send('sessionsResumed')
  })
}
