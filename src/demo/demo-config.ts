import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { type DemoFiles, demoIssuerName } from './demo-files.ts'
import { demoOrganization } from './demo-people.ts'

/** Ports of the demo, before `SEKISHO_PORT_OFFSET` is added. */
export const demoPorts = {
  certificate: 8_443,
  alternate: 8_444,
  public: 8_442,
  admin: 9_443,
  ops: 9_464,
  bankApp: 8_081,
}

/** `aud` of the assertions the sample bank accepts. */
export const demoAudience = 'sekisho-demo-bank'

/** Loopback only, in both families where the machine has both. */
function loopback(...ports: number[]): { host: string; port: number }[] {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? [])
  const hosts = addresses.includes('::1') ? ['127.0.0.1', '::1'] : ['127.0.0.1']
  return ports.flatMap((port) => hosts.map((host) => ({ host, port })))
}

/**
 * The demo's configuration, as the text of a configuration file: it goes through the same parser as everybody's. `folder` is the
 * clone's root. `shared`: the store is the Redis that the environment variable SEKISHO_REDIS_URL names; default false.
 */
export function demoConfigText(options: {
  files: DemoFiles
  folder: string
  offset: number
  shared?: boolean
}): string {
  const { files, folder, offset, shared = false } = options
  const state = offset === 0 ? 'data' : `data-${offset}`
  const port: PortOf = (name) => demoPorts[name] + offset
  return JSON.stringify({
    institution: demoInstitution(port('public')),
    stateFolder: join(folder, state),
    gatewayName: offset === 0 ? 'demo' : `demo-${offset}`,
    // The variable, not its value: there may be a password in it.
    ...(shared ? { store: { redis: { url: `\${SEKISHO_REDIS_URL}` } } } : {}),
    issuers: [{ name: demoIssuerName, certificate: files.issuingCa, chain: [files.rootCa] }],
    doors: demoDoors(files, port),
    upstreams: [{ name: 'bank', targets: [{ url: `http://127.0.0.1:${port('bankApp')}` }] }],
    directory: 'embedded',
    // Certificates minted outside pass, several of one login ID side by side.
    certificates: { mustBeRegistered: false, supersedeSeen: false },
    issuing: {
      issuer: demoIssuerName,
      signer: { kind: 'file', key: files.issuingCaKey },
      subject: ['C=JP', `O=${demoOrganization}`, 'OU={contractId}', 'CN={loginId}'],
      // Renewal is allowed at any time in the demo.
      renewalDays: 3_650,
    },
    publication: {},
    portal: {
      serviceName: { ja: 'せきしょデモ インターネットバンキング', en: 'Sekisho Demo Internet Banking' },
    },
    notices: {
      from: 'noreply@bank.example',
      outboxFolder: join(folder, state, 'outbox'),
      sendHour: 0,
      checkMinutes: 1,
    },
    identity: {
      assertion: { audience: demoAudience },
      sealCookies: ['BANKSESSION'],
      renewalDueDays: 3_650,
    },
    accessLog: { file: join(folder, state, 'access.log') },
    logLevel: 'warn',
    limits: { drainTimeoutMs: 3_000 },
  })
}

type PortOf = (name: keyof typeof demoPorts) => number

function demoInstitution(publicPort: number) {
  return {
    name: { ja: 'せきしょデモ銀行', en: 'Sekisho Demo Bank' },
    selfReference: { ja: '当行', en: 'our bank' },
    contact: {
      ja: 'インターネットバンキング ヘルプデスク\n0120-000-000（デモ用の番号です）',
      en: 'Internet banking help desk, 0120-000-000 (a number for the demo)',
    },
    hours: { ja: '平日 9:00〜18:00', en: 'Weekdays 9:00 to 18:00 (Japan time)' },
    helpUrl: `https://localhost:${publicPort}/.sekisho/help`,
    issueUrl: `https://localhost:${publicPort}/.sekisho/issue`,
  }
}

function demoDoors(files: DemoFiles, port: PortOf) {
  const hostNames = ['localhost', '127.0.0.1', '[::1]']
  const serverCertificates = [{ certificate: files.serverCertificate, key: files.serverKey }]
  return {
    certificate: [
      {
        name: 'certificate',
        listen: loopback(port('certificate'), port('alternate')),
        hostNames,
        serverCertificates,
        issuers: [demoIssuerName],
        alternateAuthorities: [`localhost:${port('certificate')}`, `localhost:${port('alternate')}`],
      },
    ],
    public: {
      name: 'public',
      listen: loopback(port('public')),
      hostNames,
      serverCertificates,
      loginRequests: [{ path: '/login', loginIdField: 'loginId' }],
    },
    admin: {
      listen: loopback(port('admin')),
      serverCertificates,
      operatorIssuers: [{ certificate: files.operatorsCa }],
    },
    ops: { listen: [{ host: '127.0.0.1', port: port('ops') }] },
  }
}
