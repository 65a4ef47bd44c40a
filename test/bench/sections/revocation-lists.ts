import { createSecureContext } from 'node:tls'
import { systemClock } from '../../../src/base/clock.ts'
import { visit } from '../bench-client.ts'
import { type CrlTemplate, writeCrl, writeCrlPem } from '../crl-file.ts'
import { measureReload } from '../gateway-reload.ts'
import type { RunningGateway, Site, StartGateway } from '../gateways/gateway.ts'
import { startHaproxy } from '../gateways/haproxy.ts'
import { startNginxGateway } from '../gateways/nginx.ts'
import { readSettledMemory } from '../memory.ts'
import { processTree } from '../own-processes.ts'
import { makeClient, type Pair } from '../revocation-pki.ts'
import { type Bench, measureConnections } from '../rounds.ts'
import { siteOf } from '../session.ts'
import type { RevocationGround } from './revocation-ground.ts'

const hourMs = 3_600_000
const weekMs = 168 * hourMs
/** Handshakes before the rounds of a gateway with a list. */
const warmHandshakes = 4

/** The gateways that learn of revocations from lists only. */
export const listReaders = ['haproxy', 'nginx'] as const
export type ListReader = (typeof listReaders)[number]

type Reader = RunningGateway & { readonly name: ListReader }
/** One of them without a list and one with the list of all revocations. */
export type ReaderPair = { readonly none: Reader; readonly full: Reader }

const starters: Readonly<Record<ListReader, StartGateway>> = { haproxy: startHaproxy, nginx: startNginxGateway }

/** Lists of revocations for nginx and HAProxy, which want one of every CA in the chain. */
export type Lists = { readonly file: string; readonly bytes: number; readonly listed: Pair }

/** Writes the list of the issuing CA, with all serial numbers and one certificate that exists, and an empty one of the root. */
export async function writeLists(revocation: RevocationGround): Promise<Lists> {
  const { pki, serials } = revocation
  const listed = makeClient(pki.issuing, 'bench-listed')
  const template = (issuer: CrlTemplate['issuer'], revoked: readonly string[]): CrlTemplate => ({
    issuer,
    serials: revoked,
    thisUpdateMs: systemClock.nowMs() - hourMs,
    nextUpdateMs: systemClock.nowMs() + weekMs,
    number: 1,
  })
  revocation.tell(`writing a list of ${serials.count + 1} revocations`)
  const users = revocation.folder('issuing.crl')
  const root = revocation.folder('root.crl')
  const bytes = await writeCrl(users, template(pki.issuing, [...serials.slice(0, serials.count), listed.serial].sort()))
  await writeCrl(root, template(pki.root, []))
  const file = revocation.folder('lists.pem')
  await writeCrlPem(file, [users, root])
  return { file, bytes, listed }
}

/** Starts one gateway twice, without and with the lists, and proves that the one with lists goes by them. */
export async function startReaders(name: ListReader, revocation: RevocationGround, lists: Lists): Promise<ReaderPair> {
  revocation.tell(`starting ${name} without and with the list`)
  const start = async (changes: Partial<Site>) => {
    const gateway = await starters[name](siteOf(revocation.ground, { reloads: true, ...changes }))
    return { ...gateway, name }
  }
  const pair = { none: await start({}), full: await start({ crlFile: lists.file }) }
  const context = createSecureContext({
    ca: revocation.pki.root.pem,
    cert: lists.listed.certificatePem,
    key: lists.listed.keyPem,
  })
  // Whatever else it says or does is a refusal: an error page of its own, an alert, the end of the connection.
  const permits = async (gateway: Reader) =>
    await visit(gateway.port, context).then(
      ({ answer }) => answer === 'permitted',
      () => false,
    )
  if (!(await permits(pair.none))) throw new Error(`Cannot measure ${name}: it refuses a certificate without any list`)
  if (await permits(pair.full)) throw new Error(`Cannot measure ${name}: it permits a certificate that its list has`)
  return pair
}

/** Rates for the rounds; few handshakes, as each may take long. */
export async function warmReaders(pair: ReaderPair, bench: Bench): Promise<{ none: number; full: number }> {
  const rateOf = async (gateway: Reader, requests: number) => {
    const job = { port: gateway.port, requests, keepAlive: false, connections: warmHandshakes }
    return (await bench.load(job)).requestsPerSecond
  }
  return { none: await rateOf(pair.none, 16 * warmHandshakes), full: await rateOf(pair.full, warmHandshakes) }
}

/** CPU per new connection without and with the list, one right after the other. Unit: microseconds. */
export async function measureReaders(
  pair: ReaderPair,
  job: { bench: Bench; rates: { none: number; full: number }; slowHandshakes: number },
): Promise<{ none: number; full: number }> {
  const { bench, rates } = job
  const none = await measureConnections({ gateway: pair.none, connectionsPerSecond: rates.none }, { bench })
  const slow = { bench, atOnce: job.slowHandshakes }
  const full = await measureConnections({ gateway: pair.full, connectionsPerSecond: rates.full }, slow)
  return { none, full }
}

/** Memory of the whole process tree without and with the list, then what a reload of it takes. */
export async function measureListHolding(pair: ReaderPair) {
  const memoryNone = await readSettledMemory(processTree(pair.none.pid))
  const memoryFull = await readSettledMemory(processTree(pair.full.pid))
  const { ms, memoryMost } = await measureReload(pair.full)
  return { memoryNone, memoryFull, reload: ms, reloadMemory: memoryMost }
}
