import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { systemClock } from '../../../src/base/clock.ts'
import { readMetricsPage, sumOf } from '../metrics-page.ts'
import { freePort, waitReady } from '../own-processes.ts'
import type { RunningGateway, Site } from './gateway.ts'

const repository = join(import.meta.dirname, '..', '..', '..')

/** What a gateway that follows Redis has beside what the others have. */
export type FollowingSite = {
  readonly redisUrl: string
  /** CA of the operators; undefined: no admin door. */
  readonly operatorIssuerFile?: string
  /** Folder of configuration and state. Default: a new one. */
  readonly folder?: string
  /** Fields of the section `revocation` that are not at their defaults. */
  readonly revocation?: Readonly<Record<string, number>>
  /** Longest time until it is ready. Default 20 s. Unit: milliseconds. */
  readonly readyTimeoutMs?: number
}

export type RunningSekisho = RunningGateway & {
  readonly opsPort: number
  /** Undefined where there is no admin door. */
  readonly adminPort: number | undefined
  /** From the start of the process until it said that it is ready. Unit: milliseconds. */
  readonly readyMs: number
  /** The end of its log. */
  readonly output: () => string
}

/** Sekisho as an operator starts it: `serve --config FILE`, one certificate door, metrics on, directory and assertion off. */
export function startSekisho(site: Site): Promise<RunningSekisho> {
  return start(site, undefined)
}

/** The same with its trust data in Redis. */
export function startFollowingSekisho(site: Site, following: FollowingSite): Promise<RunningSekisho> {
  return start(site, following)
}

async function start(site: Site, following: FollowingSite | undefined): Promise<RunningSekisho> {
  const port = await freePort()
  const opsPort = await freePort()
  const adminPort = following?.operatorIssuerFile === undefined ? undefined : await freePort()
  const folder = following?.folder ?? join(site.folder, `sekisho-${port}`)
  const configuration = buildConfiguration(site, { folder, port, opsPort, adminPort, following })
  const readyTimeoutMs = following?.readyTimeoutMs ?? 20_000
  return startConfigured(site, { folder, port, opsPort, adminPort, configuration, readyTimeoutMs })
}

/** Starts Sekisho with this configuration file's content; `folder` is made if it is missing. */
export async function startConfigured(
  site: Site,
  own: {
    folder: string
    port: number
    opsPort: number
    adminPort?: number | undefined
    configuration: object
    /** Unit: milliseconds. */
    readyTimeoutMs: number
  },
): Promise<RunningSekisho> {
  const { folder, port, opsPort, adminPort, configuration, readyTimeoutMs } = own
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'sekisho.yaml')
  await writeFile(file, stringify(configuration))
  const program = join(repository, 'src', 'main.ts')
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', program, 'serve', '--config', file]
  const startedMs = systemClock.monotonicMs()
  const started = site.processes.start(command, { cores: site.gatewayCores, cwd: repository })
  const ops = `http://127.0.0.1:${opsPort}`
  await waitReady(started, () => answersOk(`${ops}/readyz`), { what: 'Sekisho', timeoutMs: readyTimeoutMs })
  return {
    name: 'sekisho',
    port,
    opsPort,
    adminPort,
    pid: started.pid,
    readyMs: systemClock.monotonicMs() - startedMs,
    output: started.output,
    sessionsResumed: async () => sumOf(await readMetricsPage(opsPort), 'sekisho_sessions_resumed_total'),
    end: () => site.processes.end(started),
  }
}

/** The configuration file's content: everything that costs as in production, except access log and assertion. */
export function buildConfiguration(
  site: Site,
  own: {
    folder: string
    port: number
    opsPort: number
    adminPort?: number | undefined
    following?: FollowingSite | undefined
  },
) {
  const { following } = own
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
      ...adminDoor(site, own),
      ops: { listen: [{ host: '127.0.0.1', port: own.opsPort }] },
    },
    ...(following === undefined ? {} : { store: { redis: { url: following.redisUrl } } }),
    ...(following?.revocation === undefined ? {} : { revocation: following.revocation }),
    upstreams: [{ name: 'app', targets: [{ url: `http://127.0.0.1:${site.upstreamPort}` }] }],
    workers: site.workers,
    directory: 'none',
    certificates: { mustBeRegistered: false },
    ...(site.accessLog ? { accessLog: { file: join(own.folder, 'access.log') } } : {}),
    logLevel: following === undefined ? 'warn' : 'info',
    limits: {
      keepAliveIdleTimeoutMs: 300_000,
      drainTimeoutMs: 500,
      connectionsMax: Math.max(20_000, site.connectionsMax),
      bodyBytesMax: 2 ** 33,
    },
  }
}

function adminDoor(site: Site, own: { adminPort?: number | undefined; following?: FollowingSite | undefined }) {
  const { adminPort, following } = own
  if (adminPort === undefined || following?.operatorIssuerFile === undefined) return {}
  return {
    admin: {
      listen: [{ host: '127.0.0.1', port: adminPort }],
      serverCertificates: [{ certificate: site.pki.serverCertificateFile, key: site.pki.serverKeyFile }],
      operatorIssuers: [{ certificate: following.operatorIssuerFile }],
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
