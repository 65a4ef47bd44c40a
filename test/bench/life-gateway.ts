import { join } from 'node:path'
import type { Site } from './gateways/gateway.ts'
import { buildConfiguration, type RunningSekisho, startConfigured } from './gateways/sekisho.ts'
import type { LifePki } from './life-pki.ts'
import { freePort } from './own-processes.ts'
import { issuerName } from './revocation-pki.ts'

/** A Sekisho that issues: with a public door, pages, EST and a directory. */
export type IssuingSekisho = RunningSekisho & { readonly publicPort: number; readonly configFile: string }

/** How long its one-time codes count: longer than any part takes. Unit: seconds. */
export const codeLifeSeconds = 3_600

const readyTimeoutMs = 60_000

/** Starts one whose state lies in `folder`; `redisUrl` undefined: its store is the file there. */
export async function startIssuingSekisho(
  site: Site & { readonly pki: LifePki },
  own: { readonly folder: string; readonly redisUrl: string | undefined },
): Promise<IssuingSekisho> {
  const { folder } = own
  const [port, opsPort, publicPort] = [await freePort(), await freePort(), await freePort()]
  const configuration = buildIssuingConfiguration(site, { ...own, port, opsPort, publicPort })
  const running = await startConfigured(site, { folder, port, opsPort, configuration, readyTimeoutMs })
  return { ...running, publicPort, configFile: join(folder, 'sekisho.yaml') }
}

/** The file of its store where that is no Redis. */
export function storeFileIn(folder: string): string {
  return join(folder, 'state', 'sekisho.db')
}

/** The configuration file's content: what the others have, and everything that issuing does in production, mails to a folder included. */
export function buildIssuingConfiguration(
  site: Site & { readonly pki: LifePki },
  own: { folder: string; port: number; opsPort: number; publicPort: number; redisUrl: string | undefined },
) {
  const { folder, redisUrl } = own
  const { pki } = site
  const following = redisUrl === undefined ? undefined : { redisUrl }
  const plain = buildConfiguration(site, { ...own, following })
  const both = (text: string) => ({ ja: text, en: text })
  return {
    ...plain,
    doors: {
      ...plain.doors,
      public: {
        name: 'public',
        listen: [{ host: '127.0.0.1', port: own.publicPort }],
        hostNames: ['127.0.0.1', 'localhost'],
        serverCertificates: [{ certificate: pki.serverCertificateFile, key: pki.serverKeyFile }],
        loginRequests: [{ path: '/login', loginIdField: 'loginId' }],
      },
    },
    directory: 'embedded',
    certificates: { mustBeRegistered: true },
    issuing: {
      issuer: issuerName,
      signer: { kind: 'file', key: pki.issuingKeyFile },
      subject: ['C=JP', 'O=Sekisho Benchmark', 'OU={contractId}', 'CN={loginId}'],
    },
    portal: { serviceName: both('Benchmark'), codeLifeSeconds },
    notices: { from: 'noreply@bank.example', outboxFolder: join(folder, 'outbox') },
    logLevel: 'warn',
  }
}
