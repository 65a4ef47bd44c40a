import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Gateway, startGateway } from '../../src/assemble.ts'
import { systemClock } from '../../src/base/clock.ts'
import { parseConfig } from '../../src/config/load-config.ts'
import type { DirectorySeed } from '../../src/lifecycle/seed-directory.ts'
import { createLog } from '../../src/observe/log.ts'
import { createTestCa, type TestCa } from './test-ca.ts'

/** Configuration as in a file, merged over a small working one, section by section. */
export type ConfigChanges = Readonly<Record<string, unknown>> & {
  readonly certificateDoor?: Readonly<Record<string, unknown>>
}

export type RunningGateway = {
  readonly gateway: Gateway
  readonly folder: string
  /** Issues client certificates that the certificate door trusts. */
  readonly issuingCa: TestCa
  /** PEM of the CA that issued the server certificate. */
  readonly serverCaPem: string
  /** Operator certificates come from here; subject OU names the role. */
  readonly operatorsCa: TestCa
  readonly ports: {
    readonly certificate: number
    readonly public: number
    readonly admin: number
    readonly ops: number
  }
  /** Value of one sample of the metrics page; undefined if there is no such sample. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number | undefined>
  /** Lines the process log has written so far. */
  readonly logLines: readonly string[]
  stop(): Promise<void>
}

export type GatewayUnderTest = {
  readonly upstreamPort: number
  readonly config?: ConfigChanges
  readonly seed?: DirectorySeed
  readonly issuingCa?: TestCa
  /** Further issuing CAs of the certificate door, by name. */
  readonly moreIssuers?: Readonly<Record<string, TestCa>>
  /** Reused after a restart; made and removed otherwise. */
  readonly folder?: string
}

let freePort = 0

/** Boots the real gateway, workers and all, on free loopback ports; resolves when its doors are open. */
export async function withGateway(options: GatewayUnderTest): Promise<RunningGateway> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  const issuingCa = options.issuingCa ?? createTestCa({ commonName: 'test-issuing-ca' })
  const serverCa = createTestCa({ commonName: 'test-server-ca' })
  const operatorsCa = createTestCa({ commonName: 'test-operators-ca' })
  const server = serverCa.issueServer({ names: ['localhost', '127.0.0.1'] })
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return name
  }
  const serverCertificates = [
    { certificate: write('server.pem', server.certificatePem), key: write('server.key', server.keyPem) },
  ]
  const issuers = [
    { name: 'test-issuing-ca', certificate: write('issuer.pem', issuingCa.certificatePem) },
    ...Object.entries(options.moreIssuers ?? {}).map(([name, ca]) => ({
      name,
      certificate: write(`issuer-${name}.pem`, ca.certificatePem),
    })),
  ]
  const { certificateDoor, ...sections } = options.config ?? {}
  const listen = [{ host: '127.0.0.1', port: 0 }]
  const adminPort = await findFreePort()
  const opsPort = await findFreePort()
  const text = JSON.stringify({
    institution: {
      name: { ja: '試験銀行', en: 'Test Bank' },
      selfReference: { ja: '当行', en: 'our bank' },
      contact: { ja: 'ヘルプデスク', en: 'Help desk' },
      hours: { ja: '平日', en: 'Weekdays' },
    },
    stateFolder: join(folder, 'state'),
    issuers,
    doors: {
      certificate: [
        {
          name: 'certificate',
          listen,
          hostNames: ['localhost', '127.0.0.1'],
          serverCertificates,
          issuers: issuers.map(({ name }) => name),
          ...certificateDoor,
        },
      ],
      public: { name: 'public', listen, hostNames: ['localhost', '127.0.0.1'], serverCertificates },
      admin: {
        listen: [{ host: '127.0.0.1', port: adminPort }],
        serverCertificates,
        operatorIssuers: [{ certificate: write('operators.pem', operatorsCa.certificatePem) }],
      },
      ops: { listen: [{ host: '127.0.0.1', port: opsPort }] },
    },
    upstream: { url: `http://127.0.0.1:${options.upstreamPort}` },
    directory: 'none',
    logLevel: 'warn',
    ...sections,
  })
  const { config } = parseConfig(text, { env: {}, clock: systemClock, folder })
  const logLines: string[] = []
  const log = createLog({ level: config.logLevel, destination: { write: (line) => void logLines.push(line) } })
  const gateway = await startGateway({
    config,
    log,
    version: 'test',
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  })
  const portOf = (door: string) => gateway.addresses.find((address) => address.door === door)?.port ?? 0
  return {
    gateway,
    folder,
    issuingCa,
    serverCaPem: serverCa.certificatePem,
    operatorsCa,
    ports: { certificate: portOf('certificate'), public: portOf('public'), admin: adminPort, ops: opsPort },
    metric: async (name, labels = {}) => sample((await gateway.metrics.render()).body, name, labels),
    logLines,
    stop: async () => {
      await gateway.stop()
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The value of the one sample with this name that has all these labels. */
function sample(text: string, name: string, labels: Readonly<Record<string, string>>): number | undefined {
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name} `) && !line.startsWith(`${name}{`)) continue
    if (Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`))) {
      return Number(line.slice(line.lastIndexOf(' ') + 1))
    }
  }
  return undefined
}

/** A port nobody listens on now. Test processes start far apart, so that two of them do not meet. */
async function findFreePort(): Promise<number> {
  const { createServer } = await import('node:net')
  if (freePort === 0) freePort = 20_000 + (process.pid % 1_000) * 12
  for (;;) {
    const port = freePort++
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer()
      probe.once('error', () => resolve(false))
      probe.listen({ host: '127.0.0.1', port }, () => probe.close(() => resolve(true)))
    })
    if (free) return port
  }
}
