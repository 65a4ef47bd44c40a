/**
 * Holds live connections to a fleet of gateways, then revokes their certificates one at a time at gateways chosen by chance, and
 * measures how long each goes on. Sends two messages to its parent: the number of connections when all are there, and what was measured.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { AdminCaller } from './admin-caller.ts'
import { HeldClients } from './held-clients.ts'
import { RefusalWatch } from './refusal-watch.ts'
import { issuerName, type Pair } from './revocation-pki.ts'

export type PushSettings = {
  readonly gateways: readonly { readonly port: number; readonly adminPort: number }[]
  readonly connections: number
  readonly pushes: number
  readonly rootFile: string
  /** JSON of `Pair`s: one for each connection and one for each push. */
  readonly clientsFile: string
  readonly operatorCertificateFile: string
  readonly operatorKeyFile: string
}

/** What one push has shown, from the moment it was sent. Unit: milliseconds. */
export type Push = {
  /** Places in the list of gateways: where it was pushed, and where the client was connected. */
  readonly pushedAt: number
  readonly connectedTo: number
  /** Until the client's connection was closed. */
  readonly cutMs: number
  /** Until the last answer by which a gateway still permitted the certificate. 0: none after the push. */
  readonly refusedMs: number
  /** Until the gateways at which it was tried all the time had each refused it once: the true moment lies between both. */
  readonly firstRefusalMs: number
  /** Until the admin door had answered. */
  readonly answeredMs: number
}

export type PushReport = {
  readonly pushes: readonly Push[]
  /** Why connections ended that should not have; the first ones. */
  readonly lost: readonly string[]
  readonly lostCount: number
  readonly openAtEnd: number
  /** Of those, how many answered once more with the page. */
  readonly usedAtEnd: number
  /** Requests and connections tried with certificates while they were being revoked. */
  readonly attempts: number
}

const cutTimeoutMs = 10_000
/** Rest between two pushes, not always the same so that nothing beats in time with them. */
const restMinMs = 20
const restMaxMs = 60
const lostShownMax = 5

const settings = JSON.parse(process.argv[2] ?? '{}') as PushSettings
const ca = readFileSync(settings.rootFile, 'utf8')
const operator = {
  ca,
  cert: readFileSync(settings.operatorCertificateFile, 'utf8'),
  key: readFileSync(settings.operatorKeyFile, 'utf8'),
}
const pairs = JSON.parse(readFileSync(settings.clientsFile, 'utf8')) as Pair[]
const callers = settings.gateways.map(({ adminPort }) => new AdminCaller(adminPort, operator))
const ports = settings.gateways.map(({ port }) => port)
const held = new HeldClients(ca)

function chance(below: number): number {
  return Math.floor(Math.random() * below)
}

/** Two gateways other than the one where the push is made, if there are as many. */
function otherPorts(than: number): { requests: number; connections: number } {
  const others = ports.filter((_, index) => index !== than)
  const first = chance(others.length)
  const second = (first + 1) % others.length
  return { requests: others[first] as number, connections: others[second] as number }
}

/** Revokes one held certificate and follows what becomes of it; a new client takes the place of the one that is cut. */
async function push(replacement: Pair): Promise<Push & { attempts: number }> {
  const at = chance(callers.length)
  const victim = held.letGo()
  const watch = new RefusalWatch(victim.secureContext)
  await watch.begin(otherPorts(at))
  // The attempts are under way before the push.
  await pause(restMinMs)
  const certificates = [{ issuer: issuerName, serial: victim.serial }]
  const sentMs = systemClock.monotonicMs()
  const answer = (callers[at] as AdminCaller)
    .call('POST', '/v1/revocations', { certificates, reason: 'keyCompromise' })
    .then((body) => ({ body, atMs: systemClock.monotonicMs() }))
  const [{ body, atMs }, cutAtMs, refusal] = await Promise.all([
    answer,
    within(victim.client.closed, cutTimeoutMs),
    watch.refused(shuffled(ports)),
  ])
  const { revoked } = body as { revoked?: unknown }
  if (revoked !== 1) throw new Error(`Cannot count a push that revoked ${String(revoked)} certificates`)
  await held.open(replacement, victim.port)
  return {
    pushedAt: at,
    connectedTo: ports.indexOf(victim.port),
    cutMs: cutAtMs - sentMs,
    refusedMs: Math.max(0, refusal.lastPermittedMs - sentMs),
    firstRefusalMs: refusal.firstRefusedMs - sentMs,
    answeredMs: atMs - sentMs,
    attempts: refusal.attempts,
  }
}

async function within(closed: Promise<number>, timeoutMs: number): Promise<number> {
  const atMs = await Promise.race([closed, pause(timeoutMs, undefined, { ref: false })])
  if (atMs !== undefined) return atMs
  throw new Error(`Cannot go on: a connection is still open ${timeoutMs} ms after its certificate was revoked`)
}

function shuffled(list: readonly number[]): number[] {
  const rest = [...list]
  return Array.from({ length: list.length }, () => rest.splice(chance(rest.length), 1)[0] as number)
}

process.on('disconnect', () => process.exit(0))
// Each admin door has its TLS connection before the first push, as the program that pushes would.
for (const caller of callers) await caller.call('GET', '/v1/status')
await held.openAll(pairs.slice(0, settings.connections), ports)
process.send?.(held.count)
held.keepInUse()
const done: (Push & { attempts: number })[] = []
for (const replacement of pairs.slice(settings.connections, settings.connections + settings.pushes)) {
  done.push(await push(replacement))
  await pause(restMinMs + chance(restMaxMs - restMinMs))
}
const usedAtEnd = await held.useAll()
const report: PushReport = {
  pushes: done.map(({ attempts: _, ...push }) => push),
  lost: held.lost.slice(0, lostShownMax),
  lostCount: held.lost.length,
  openAtEnd: held.count,
  usedAtEnd,
  attempts: done.reduce((sum, { attempts }) => sum + attempts, 0),
}
process.send?.(report, () => process.exit(0))
