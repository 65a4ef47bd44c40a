import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestCa, type TestCa } from './test-ca.ts'

/** Configuration as in a file, merged over a small working one, section by section; these four, field by field. */
export type ConfigChanges = Readonly<Record<string, unknown>> & {
  readonly certificateDoor?: Readonly<Record<string, unknown>>
  readonly publicDoor?: Readonly<Record<string, unknown>>
  /** Plain HTTP for CRL and OCSP; left out: none. */
  readonly publicationDoor?: Readonly<Record<string, unknown>>
  /** Of the one upstream, `app`. */
  readonly upstream?: Readonly<Record<string, unknown>>
}

/** Ports of the doors' only addresses, all on 127.0.0.1. */
export type DoorPorts = {
  readonly certificate: number
  readonly public: number
  readonly admin: number
  readonly ops: number
  /** Left out: none, or a free one. */
  readonly publication?: number
}

export type GatewayFilesOptions = {
  readonly upstreamPort: number
  readonly config?: ConfigChanges
  readonly issuingCa?: TestCa
  /** Further issuing CAs of the certificate door, by name. */
  readonly moreIssuers?: Readonly<Record<string, TestCa>>
  /** Default: a new one. */
  readonly folder?: string
  /** Default: free ones. */
  readonly ports?: DoorPorts
}

export type GatewayFiles = {
  readonly folder: string
  /** The configuration file, and what stands in it. */
  readonly file: string
  readonly text: string
  /** Issues client certificates that the certificate door trusts. */
  readonly issuingCa: TestCa
  /** PEM of the CA that issued the server certificate. */
  readonly serverCaPem: string
  /** Operator certificates come from here; subject OU names the role. */
  readonly operatorsCa: TestCa
}

const freePorts: DoorPorts = { certificate: 0, public: 0, admin: 0, ops: 0 }

/** Writes a configuration and the certificates and keys it needs. */
export function writeGatewayFiles(options: GatewayFilesOptions): GatewayFiles {
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
  const { certificateDoor, publicDoor, publicationDoor, upstream, ...sections } = options.config ?? {}
  const ports = options.ports ?? freePorts
  const listen = (door: keyof DoorPorts) => [{ host: '127.0.0.1', port: ports[door] ?? 0 }]
  const door = (name: 'certificate' | 'public') => ({
    name,
    listen: listen(name),
    hostNames: ['localhost', '127.0.0.1'],
    serverCertificates,
  })
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
      certificate: [{ ...door('certificate'), issuers: issuers.map(({ name }) => name), ...certificateDoor }],
      public: { ...door('public'), ...publicDoor },
      admin: {
        listen: listen('admin'),
        serverCertificates,
        operatorIssuers: [{ certificate: write('operators.pem', operatorsCa.certificatePem) }],
      },
      ops: { listen: listen('ops') },
      ...(publicationDoor && { publication: { listen: listen('publication'), ...publicationDoor } }),
    },
    upstreams: [{ name: 'app', targets: [{ url: `http://127.0.0.1:${options.upstreamPort}` }], ...upstream }],
    workers: 1,
    directory: 'none',
    logLevel: 'warn',
    ...sections,
  })
  const file = join(folder, write('sekisho.yaml', text))
  return { folder, file, text, issuingCa, serverCaPem: serverCa.certificatePem, operatorsCa }
}
