import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePort, waitReady } from '../own-processes.ts'
import type { RunningGateway, Site } from './gateway.ts'

const repository = join(import.meta.dirname, '..', '..', '..')

/** Sekisho as an operator starts it: `serve --config FILE`, one certificate door, metrics on, directory and assertion off. */
export async function startSekisho(site: Site): Promise<RunningGateway> {
  const port = await freePort()
  const opsPort = await freePort()
  const folder = join(site.folder, `sekisho-${port}`)
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'sekisho.yaml')
  await writeFile(file, stringify(buildConfiguration(site, { folder, port, opsPort })))
  const program = join(repository, 'src', 'main.ts')
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', program, 'serve', '--config', file]
  const started = site.processes.start(command, { cores: site.gatewayCores, cwd: repository })
  const ops = `http://127.0.0.1:${opsPort}`
  await waitReady(started, () => answersOk(`${ops}/readyz`), { what: 'Sekisho', timeoutMs: 20_000 })
  return {
    name: 'sekisho',
    port,
    pid: started.pid,
    sessionsResumed: () => readCounter(`${ops}/metrics`, 'sekisho_sessions_resumed_total'),
    end: () => site.processes.end(started),
  }
}

/** The configuration file's content: everything that costs as in production, except access log and assertion. */
export function buildConfiguration(site: Site, own: { folder: string; port: number; opsPort: number }) {
  const both = (text: string) => ({ ja: text, en: text })
  return {
    institution: {
      name: both('Benchmark'),
      selfReference: both('Benchmark'),
      contact: both('Benchmark'),
      hours: both('Benchmark'),
    },
    stateFolder: join(own.folder, 'state'),
    issuers: [{ name: 'bench-issuing', certificate: site.pki.issuingFile, chain: [site.pki.rootFile] }],
    doors: {
      certificate: [
        {
          name: 'certificate',
          listen: [{ host: '127.0.0.1', port: own.port }],
          hostNames: ['127.0.0.1', 'localhost'],
          serverCertificates: [{ certificate: site.pki.serverCertificateFile, key: site.pki.serverKeyFile }],
          issuers: ['bench-issuing'],
        },
      ],
      ops: { listen: [{ host: '127.0.0.1', port: own.opsPort }] },
    },
    upstreams: [{ name: 'app', targets: [{ url: `http://127.0.0.1:${site.upstreamPort}` }] }],
    workers: site.workers,
    directory: 'none',
    certificates: { mustBeRegistered: false },
    ...(site.accessLog ? { accessLog: { file: join(own.folder, 'access.log') } } : {}),
    logLevel: 'warn',
    limits: {
      keepAliveIdleTimeoutMs: 300_000,
      drainTimeoutMs: 500,
      connectionsMax: Math.max(20_000, site.connectionsMax),
      bodyBytesMax: 2 ** 33,
    },
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url)
    await response.text()
    return response.ok
  } catch {
    return false
  }
}

/** The sum of a counter over its labels; undefined when the page does not have it. */
async function readCounter(url: string, name: string): Promise<number | undefined> {
  const text = await (await fetch(url)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  if (lines.length === 0) return undefined
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
