// A real admin door on a free loopback port over a real store; operators of every role from a CA of their own.
import { request as startRequest } from 'node:https'
import { tmpdir } from 'node:os'
import type { Test } from 'tap'
import { type AdminDoor, type AdminTimeouts, startAdminDoor } from '../../src/admin/admin-door.ts'
import { LiveFeed, type LiveFeedOptions } from '../../src/admin/live/live-feed.ts'
import { operatorRoles } from '../../src/admin/operator.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { CrlDesk } from '../../src/ca-sources/ports.ts'
import type { ReloadCause, ReloadResult, ReloadStatus } from '../../src/control-path/reload.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { createMetricLayout } from '../../src/observe/metric-table.ts'
import { createMetrics } from '../../src/observe/metrics-page.ts'
import type { Inspection } from '../../src/trust/inspect.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { startFakeLifecycle } from '../lifecycle/fake-lifecycle.ts'

export const operatorsCa = createTestCa({ commonName: 'operators' })
export const serverCa = createTestCa({ commonName: 'server root' })
const server = serverCa.issueServer()

const attribute = {
  commonName: (value: string) => ({ oid: '2.5.4.3', value }),
  organizationalUnit: (value: string) => ({ oid: '2.5.4.11', value }),
}

/** A certificate for a person with these OUs. */
export function issueOperator(
  units: readonly string[],
  options: {
    name?: string | undefined
    ca?: typeof operatorsCa
    notBeforeMs?: number
    notAfterMs?: number
    extendedKeyUsage?: string[]
  } = {},
): TestCertificate {
  const { name = 'sato.hanako', ca = operatorsCa, ...rest } = options
  const subject = [...units.map(attribute.organizationalUnit), attribute.commonName(name)]
  return ca.issueClient({ commonName: name, subject, ...rest })
}

export const operators = Object.fromEntries(operatorRoles.map((role) => [role, issueOperator([role])])) as Record<
  (typeof operatorRoles)[number],
  TestCertificate
>

export type Answer = {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: Record<string, unknown>
  /** Of an answer that came line by line; `body` is the last one. */
  readonly items: readonly Record<string, unknown>[]
}

export type CallOptions = {
  readonly certificate?: TestCertificate | undefined
  readonly headers?: Record<string, string>
  readonly json?: unknown
  readonly body?: string | Uint8Array
}

export const inspection: Inspection = {
  door: 'main',
  verdict: 'certificate_revoked',
  loginId: 'user01',
  issuer: 'demo-issuing-ca',
  serial: '1',
  notBefore: '2027-01-01T00:00:00.000Z',
  notAfter: '2028-01-01T00:00:00.000Z',
  steps: [
    { check: 'certificate_missing', result: 'passed' },
    { check: 'certificate_revoked', result: 'failed', detail: 'its key is in the revocation index' },
    { check: 'login_id_missing', result: 'not_reached' },
  ],
}

export type AdminOptions = {
  nowMs?: () => number
  handles?: object[]
  timeouts?: AdminTimeouts
  /** Of the ports of the life of certificates. */
  lifecycle?: Partial<LifecyclePorts>
  /** Default: none are taken. */
  crls?: CrlDesk
  crlUploads?: { folder: string; bytesMax(): number }
  /** Of the live page, whose counters are nobody's but the test's. */
  live?: Partial<LiveFeedOptions> & { readonly viewersMax?: number }
}

/** Names of the metrics behind the live page. */
export const metricNames = {
  doors: ['main', 'portal'],
  routes: ['app'],
  upstreams: ['app'],
  targets: [
    { upstream: 'app', name: '10.0.0.1:8080' },
    { upstream: 'app', name: '10.0.0.2:8080' },
  ],
  issuers: ['demo-issuing-ca'],
  crlLists: ['partner-ca/full'],
  publishers: ['demo-issuing-ca'],
  serverCertificates: ['bank.example'],
  adminRoutes: ['/v1/live'],
  build: { version: '0.1.0', node: 'v26', openssl: '3' },
}

export async function withAdmin(
  t: Test,
  { handles, timeouts, lifecycle: changes, crls, crlUploads, live: liveChanges, ...options }: AdminOptions = {},
) {
  const lifecycle = await startFakeLifecycle(t, changes)
  const metrics = createMetrics({ layout: createMetricLayout(metricNames), processMetrics: false })
  const { viewersMax = 32, ...feedChanges } = liveChanges ?? {}
  const live = new LiveFeed({
    config: () =>
      ({
        doors: { certificate: [{ name: 'main' }], public: { name: 'portal' } },
        revocation: { maxStalenessSeconds: 60 },
        limits: { liveViewersMax: viewersMax },
        workers: 1,
      }) as never,
    metrics,
    follower: lifecycle.follower,
    store: lifecycle.ports.store,
    gatewayId: lifecycle.reports.gatewayId,
    clock: systemClock,
    log: lifecycle.ports.log,
    ...feedChanges,
  })
  t.teardown(() => live.close())
  const inspected: Uint8Array[] = []
  const lines: unknown[][] = []
  const ended: [string, number][] = []
  const reloads: { causes: ReloadCause[]; result: ReloadResult; status: ReloadStatus } = {
    causes: [],
    result: { result: 'unchanged', warnings: [] },
    status: { loadedAtMs: 0, lastReload: undefined },
  }
  const note = (...line: unknown[]) => void lines.push(line)
  const door: AdminDoor = await startAdminDoor({
    listen: [{ host: '127.0.0.1', port: 0 }],
    ...(handles === undefined ? {} : { handles }),
    // Batches are full then, however busy the machine is.
    timeouts: { pauseMs: 5_000, ...timeouts },
    serverCertificates: [
      { certificatePem: server.chainPem, keyPem: server.keyPem, names: ['localhost', '127.0.0.1', '::1'] },
    ],
    operatorIssuerPems: [operatorsCa.certificatePem],
    clock: { ...systemClock, ...options },
    log: { info: note, warn: note, error: note },
    counter: {
      institution: () => ({
        name: { ja: '試験銀行', en: 'Test Bank' },
        selfReference: { ja: '当行', en: 'our bank' },
        contact: { ja: 'ヘルプデスク', en: 'Help desk' },
        hours: { ja: '平日', en: 'Weekdays' },
      }),
      timeZone: () => 'Asia/Tokyo',
    },
    requestEnded: (route, status) => void ended.push([route, status]),
    services: {
      reload: async (cause) => {
        reloads.causes.push(cause)
        return reloads.result
      },
      lifecycle: lifecycle.ports,
      crls,
      live,
      crlUploads: crlUploads ?? { folder: tmpdir(), bytesMax: () => 1_048_576 },
      notices: {
        store: lifecycle.ports.store,
        notices: () => ({ days: [40, 30, 10, 1], sendHour: 9, keepDays: 400 }),
        timeZone: 'Asia/Tokyo',
        log: lifecycle.ports.log,
        nowMs: lifecycle.ports.nowMs,
      },
      connections: (max) => lifecycle.workers.connections(max),
      connectionsListMax: 2,
      inspect: async (der) => {
        inspected.push(der)
        return [inspection]
      },
      status: {
        follower: lifecycle.follower,
        gatewayId: lifecycle.reports.gatewayId,
        indexEntries: () => lifecycle.index.size,
        workersRunning: () => 1,
        workersConfigured: 2,
        reloads: () => reloads.status,
        versions: { sekisho: '0.1.0', node: 'v26' },
      },
    },
  })
  t.teardown(() => door.close())
  const port = door.addresses[0]?.port ?? 0
  const call = (method: string, path: string, callOptions: CallOptions = {}) =>
    callDoor({ port, method, path }, callOptions)
  return { ...lifecycle, door, port, call, inspected, lines, ended, reloads, live, metrics }
}

function callDoor(target: { port: number; method: string; path: string }, options: CallOptions): Promise<Answer> {
  const { port, method, path } = target
  const { certificate = operators.security, headers = {}, json } = options
  const body = json === undefined ? options.body : JSON.stringify(json)
  const type = json === undefined ? {} : { 'Content-Type': 'application/json' }
  const client =
    'certificate' in options && options.certificate === undefined
      ? {}
      : { cert: certificate.chainPem, key: certificate.keyPem }
  return new Promise((resolve, reject) => {
    const request = startRequest(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        ca: serverCa.certificatePem,
        ...client,
        agent: false,
        headers: { ...type, ...headers },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const streamed = response.headers['content-type'] === 'application/x-ndjson'
          const parts = streamed ? text.trimEnd().split('\n') : [text]
          const items = parts.filter((part) => part !== '').map((part) => JSON.parse(part) as Answer['body'])
          const { statusCode: status = 0, headers } = response
          resolve({ status, headers, body: items.at(-1) ?? {}, items })
        })
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}
