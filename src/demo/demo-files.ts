import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../base/errors.ts'
import { issuerIdOf } from '../x509/certificate-key.ts'
import type { ClientCertificate } from '../x509/client-certificate.ts'
import { pemBlocks } from '../x509/pem.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { demoOperators, demoPeople } from './demo-people.ts'

/** Name by which configuration, CLI and Redis know the issuer of the demo; also its subject CN. */
export const demoIssuerName = 'demo-issuing-ca'

/** The three files of one user or operator, as absolute paths. */
export type PairFiles = { readonly certificate: string; readonly key: string; readonly pkcs12: string }

/** The demo PKI as it lies on disk. Paths are absolute when the folder was given so. */
export type DemoPki = {
  readonly folder: string
  readonly files: DemoFiles
  /** See `issuerIdOf`; of `demo-issuing-ca`. */
  readonly issuerId: string
  readonly server: ClientCertificate
  /** Of those who have one, in the order of `demoPeople`. */
  readonly users: readonly {
    readonly loginId: string
    readonly certificate: ClientCertificate
    readonly files: PairFiles
  }[]
  readonly operators: readonly {
    readonly role: string
    readonly certificate: ClientCertificate
    readonly files: PairFiles
  }[]
}

/** Paths of what is there once. */
export type DemoFiles = {
  readonly rootCa: string
  readonly issuingCa: string
  readonly issuingCaKey: string
  readonly serverCertificate: string
  readonly serverKey: string
  readonly operatorsCa: string
}

/** Where everything lies under `folder`. */
export function demoFiles(folder: string): DemoFiles {
  return {
    rootCa: join(folder, 'root-ca.pem'),
    issuingCa: join(folder, 'issuing-ca.pem'),
    issuingCaKey: join(folder, 'issuing-ca.key'),
    serverCertificate: join(folder, 'server.pem'),
    serverKey: join(folder, 'server.key'),
    operatorsCa: join(folder, 'operators-ca.pem'),
  }
}

/** `name` is a login ID under `users`, a role under `operators`. */
export function pairFiles(folder: string, kind: 'users' | 'operators', name: string): PairFiles {
  const stem = join(folder, kind, name)
  return { certificate: `${stem}.pem`, key: `${stem}.key`, pkcs12: `${stem}.p12` }
}

/** Login IDs of those who have a certificate, and how many days from the first start it ends. */
export function demoValidityDays(): ReadonlyMap<string, number> {
  const days = { current: 365, revoked: 365, expires_soon: 20, expired: -1 } as const
  return new Map(
    demoPeople.flatMap(({ loginId, certificate }) =>
      certificate === 'never_issued' || certificate === 'none' ? [] : [[loginId, days[certificate]] as const],
    ),
  )
}

/**
 * Reads the folder back; undefined when a file is missing or is not what it should be. Other read errors are thrown.
 */
export async function readDemoFiles(folder: string): Promise<DemoPki | undefined> {
  try {
    const files = demoFiles(folder)
    const issuing = await certificateIn(files.issuingCa)
    const users = []
    for (const loginId of demoValidityDays().keys()) {
      users.push({ loginId, ...(await readPair(pairFiles(folder, 'users', loginId))) })
    }
    const operators = []
    for (const { role } of demoOperators) {
      operators.push({ role, ...(await readPair(pairFiles(folder, 'operators', role))) })
    }
    await Promise.all([certificateIn(files.rootCa), certificateIn(files.operatorsCa)])
    await Promise.all([readFile(files.issuingCaKey), readFile(files.serverKey)])
    const server = await certificateIn(files.serverCertificate)
    return { folder, files, issuerId: issuerIdOf(issuing.publicKeyDer), server, users, operators }
  } catch (fault) {
    const code = (fault as NodeJS.ErrnoException).code
    if (fault instanceof GatewayError || code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw fault
  }
}

async function readPair(files: PairFiles) {
  await Promise.all([readFile(files.key), readFile(files.pkcs12)])
  return { files, certificate: await certificateIn(files.certificate) }
}

async function certificateIn(file: string): Promise<ClientCertificate> {
  const [der] = pemBlocks(await readFile(file, 'utf8'), 'CERTIFICATE')
  return readCertificate(der ?? new Uint8Array())
}
