import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import { buildPkcs12 } from '../x509/build-pkcs12.ts'
import { type DemoPair, makeAuthority, makeClient, makeServer, pemOfKey } from './demo-authorities.ts'
import { type DemoPki, demoFiles, demoIssuerName, demoValidityDays, pairFiles, readDemoFiles } from './demo-files.ts'
import { demoOperators, demoPasswords, demoPeople } from './demo-people.ts'

/** Losing more races than this to other starts means that something else removes the folder. */
const attemptsMax = 5

/**
 * Gives the demo PKI under `folder` (`certs/demo`), making it at the first start: root, issuing CA, operators' CA, the
 * certificate of localhost, and the users and operators of `demo-people.ts`, each with PEM, key and .p12.
 *
 * Safe when several processes start at once: each makes its own in a folder beside, and the first to rename it into
 * place wins. A folder that lacks a file, or whose server, operator or current user certificates have expired (about a
 * year after the first start), is renamed to `<folder>.old-<inode>` and everything is made anew; user05's and a late
 * user04's expiry are part of the demo and change nothing. Keys of root and operators' CA are not kept.
 * Throws GatewayError `config_invalid` when the folder keeps changing underneath.
 */
export async function ensureDemoPki({ folder, clock }: { folder: string; clock: Clock }): Promise<DemoPki> {
  const place = resolve(folder)
  await mkdir(dirname(place), { recursive: true })
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    // The inode is taken before the folder is judged: should another start replace it in between, ours is not the one
    // that may be moved away.
    const inode = await inodeOf(place)
    const found = inode === undefined ? undefined : await readDemoFiles(place)
    if (found !== undefined && isUsable(found, clock.nowMs())) return found
    if (inode !== undefined && !(await isEmpty(place))) await renameUnlessTaken(place, `${place}.old-${inode}`)
    await makeInto(place, clock.nowMs())
  }
  throw new GatewayError('config_invalid', `Cannot make the demo certificates as ${place} keeps changing`, {
    path: place,
  })
}

function isUsable(pki: DemoPki, nowMs: number): boolean {
  const current = demoPeople.filter(({ certificate }) => certificate === 'current').map(({ loginId }) => loginId)
  const users = pki.users.filter(({ loginId }) => current.includes(loginId))
  const needed = [pki.server, ...[...users, ...pki.operators].map(({ certificate }) => certificate)]
  return needed.every(({ notAfterMs }) => nowMs < notAfterMs + 1_000)
}

/** Makes everything in a folder beside `place` and renames it; does nothing when another start was faster. */
async function makeInto(place: string, nowMs: number): Promise<void> {
  const beside = `${place}.new-${process.pid}-${randomBytes(6).toString('hex')}`
  try {
    await makeFiles(beside, nowMs)
    await renameUnlessTaken(beside, place)
  } finally {
    await rm(beside, { recursive: true, force: true })
  }
}

async function makeFiles(folder: string, nowMs: number): Promise<void> {
  const root = makeAuthority('demo-root-ca', { nowMs })
  const issuing = makeAuthority(demoIssuerName, { nowMs, pathLength: 0, parent: root })
  const operatorsCa = makeAuthority('demo-operators-ca', { nowMs, pathLength: 0 })
  const server = makeServer(root, nowMs)
  const files = demoFiles(folder)
  await mkdir(`${folder}/users`, { recursive: true })
  await mkdir(`${folder}/operators`)
  await Promise.all([
    writePublic(files.rootCa, root.pem),
    writePublic(files.issuingCa, issuing.pem),
    writeSecret(files.issuingCaKey, pemOfKey(issuing.privateKey)),
    writePublic(files.serverCertificate, server.certificatePem),
    writeSecret(files.serverKey, server.keyPem),
    writePublic(files.operatorsCa, operatorsCa.pem),
  ])
  const validityDays = demoValidityDays()
  for (const { loginId, contractId } of demoPeople) {
    const endsInDays = validityDays.get(loginId)
    if (endsInDays === undefined) continue
    const pair = makeClient(issuing, { commonName: loginId, unit: contractId, nowMs, endsInDays })
    await writePair(pair, { ...pairFiles(folder, 'users', loginId), friendlyName: loginId, chainPems: [issuing.pem] })
  }
  for (const { role, commonName } of demoOperators) {
    const pair = makeClient(operatorsCa, { commonName, unit: role, nowMs, endsInDays: 365 })
    await writePair(pair, {
      ...pairFiles(folder, 'operators', role),
      friendlyName: `${role} ${commonName}`,
      chainPems: [],
    })
  }
}

type PairTarget = ReturnType<typeof pairFiles> & {
  readonly friendlyName: string
  readonly chainPems: readonly string[]
}

async function writePair(pair: DemoPair, target: PairTarget): Promise<void> {
  const { certificatePem, privateKey } = pair
  const { friendlyName, chainPems } = target
  const password = demoPasswords.pkcs12
  const pkcs12 = await buildPkcs12({ privateKey, certificatePem, chainPems, friendlyName, password })
  await Promise.all([
    writePublic(target.certificate, certificatePem),
    writeSecret(target.key, pair.keyPem),
    writeSecret(target.pkcs12, pkcs12),
  ])
}

async function writePublic(file: string, contents: string): Promise<void> {
  await writeFile(file, contents, { mode: 0o644, flag: 'wx' })
}

async function writeSecret(file: string, contents: string | Uint8Array): Promise<void> {
  await writeFile(file, contents, { mode: 0o600, flag: 'wx' })
}

/** An empty folder is replaced where it is. Moved aside, it would be no obstacle to moving a good one after it. */
async function isEmpty(place: string): Promise<boolean> {
  try {
    return (await readdir(place)).length === 0
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw fault
  }
}

async function inodeOf(place: string): Promise<bigint | undefined> {
  try {
    return (await stat(place, { bigint: true })).ino
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fault
  }
}

/**
 * Renames a folder; leaves everything as it is when the new name is a folder with contents, or the old one is gone:
 * another start was faster. (An empty folder in the way is replaced by the system.)
 */
async function renameUnlessTaken(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (fault) {
    const code = (fault as NodeJS.ErrnoException).code ?? ''
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) throw fault
  }
}
