// Taking CRLs, without sockets of its own: a gateway over a real store with a real index and publisher, and a real HTTP server that gives
// what the test puts on it.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Clock } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/clock.ts'
import { CrlSources } from '../../src/ca-sources/crl-sources.ts'
import type { CaSourcesPorts, CrlActor } from '../../src/ca-sources/ports.ts'
import type { CrlListConfig, CrlPlace, GatewayConfig } from '../../src/config/gateway-config.ts'
import { SharedValues } from '../../src/control-path/shared-values.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { type FakeGateway, type FakeGatewayOptions, startFakeGateway } from '../control-path/fake-gateway.ts'
import { createTestCa, type TestCa } from '../helpers/test-ca.ts'
import { crlOf } from '../helpers/test-crl.ts'

export const operator: CrlActor = { name: 'sato.hanako', role: 'security', requestId: 'r-1' }

/** Limits that make a test quick; `crlFetch` of the configuration. */
export const limits: GatewayConfig['crlFetch'] = {
  bytesMax: 10_000_000,
  entriesMax: 100_000,
  timeoutMs: 5_000,
  idleTimeoutMs: 2_000,
  redirectsMax: 3,
  retrySeconds: 0.05,
  clockSkewSeconds: 300,
}

export function listOf(changes: Partial<CrlListConfig> = {}): CrlListConfig {
  return {
    name: 'crl',
    from: [],
    delta: [],
    caPem: undefined,
    pollSeconds: 3_600,
    restoreRemovedHolds: false,
    ...changes,
  }
}

export const url = (text: string): CrlPlace => ({ kind: 'url', url: text })
export const file = (path: string): CrlPlace => ({ kind: 'file', path })

export type CrlGateway = FakeGateway & {
  readonly sources: CrlSources
  readonly ca: TestCa
  readonly looks: string[]
  /** Serial numbers that were given to the publisher, whether they were revoked before or not. */
  readonly posted: string[]
  readonly stateFolder: string
  readonly values: SharedValues
  keyOf(serial: string): CertificateKey
  isListed(serial: string): boolean
  /** As a reload does. */
  reload(lists: readonly CrlListConfig[], changes?: Partial<GatewayConfig['crlFetch']>): void
  /** Fails everything that is given to the store by the publisher while it is set. */
  failing: Error | undefined
}

export type CrlGatewayOptions = {
  readonly ca?: TestCa
  readonly lists?: readonly CrlListConfig[]
  readonly limits?: Partial<GatewayConfig['crlFetch']>
  readonly clock?: Clock
  readonly gateway?: FakeGateway
  readonly fake?: FakeGatewayOptions
  /** What the sources are given of it; the default is the whole store. */
  readonly store?: (store: FakeGateway['store']) => CaSourcesPorts['store']
}

/** A gateway that takes these lists once its `sources` are started, or told to look. */
export async function startCrlGateway(t: Test, options: CrlGatewayOptions = {}): Promise<CrlGateway> {
  const gateway = options.gateway ?? (await startFakeGateway(t, options.fake))
  await gateway.follower.ready()
  const ca = options.ca ?? createTestCa({ commonName: 'Branch CA' })
  const stateFolder = mkdtempSync(join(tmpdir(), 'sekisho-crl-'))
  const issuers = [
    readIssuingCa({ name: 'branch', certificatePem: ca.certificatePem, chainPems: [] }, systemClock.nowMs()),
  ]
  const { certificatePem } = ca
  const configOf = (crls: readonly CrlListConfig[], changes: Partial<GatewayConfig['crlFetch']> = {}) => ({
    issuers: [{ name: 'branch', certificatePem, chainPems: [], crls }],
    crlFetch: { ...limits, ...options.limits, ...changes },
  })
  let config = configOf(options.lists ?? [])
  const looks: string[] = []
  const posted: string[] = []
  const values = new SharedValues({ store: gateway.store, file: undefined, log: quiet })
  const says: { failing: Error | undefined } = { failing: undefined }
  const sources = new CrlSources(
    {
      config: () => config,
      issuers: () => issuers,
      stateFolder,
      index: gateway.index.shared,
      store: options.store?.(gateway.store) ?? gateway.store,
      values,
      publisher: {
        publish: async (requests, actor) => {
          posted.push(...requests.map(({ key }) => key.split(':')[1] ?? ''))
          if (says.failing !== undefined) throw says.failing
          return gateway.publisher.publish(requests, actor)
        },
        restore: (key, actor) => gateway.publisher.restore(key, actor),
      },
      workers: gateway.workers,
      audit: (event) => void gateway.audited.push(event),
      log: {
        info: (message) => void gateway.lines.push(`info ${message}`),
        warn: (message) => void gateway.lines.push(`warn ${message}`),
        error: (message, fields) => void gateway.lines.push(`error ${message} ${String(fields?.error)}`),
      },
      clock: options.clock ?? systemClock,
      observer: { crlLooked: (list, result) => void looks.push(`${list} ${result}`), ocspChecked: () => {} },
    },
    { beatMs: 10 },
  )
  t.teardown(async () => {
    await sources.close()
    rmSync(stateFolder, { recursive: true, force: true })
  })
  const keyOf = (serial: string) => certificateKey(issuers[0]?.issuerId ?? '', serial)
  return Object.assign(says, {
    ...gateway,
    ...{ sources, ca, looks, posted, stateFolder, values, keyOf },
    isListed: (serial: string) => gateway.isRevoked(keyOf(serial)),
    reload: (lists: readonly CrlListConfig[], changes?: Partial<GatewayConfig['crlFetch']>) => {
      config = configOf(lists, changes)
    },
  })
}

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

export type CrlServer = {
  readonly url: string
  readonly requests: IncomingMessage[]
  /** What it answers from now on. */
  answer: (request: IncomingMessage, response: ServerResponse) => void
  /** Gives these bytes from now on, with an ETag of that name, and 304 to who has it. */
  give(list: Uint8Array, etag?: string): void
}

/** A server on a free port of the loopback. */
export async function startCrlServer(t: Test): Promise<CrlServer> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    given.answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const given: CrlServer = {
    url: `http://127.0.0.1:${port}`,
    requests,
    answer: (_request, response) => void response.writeHead(404).end(),
    give(list, etag) {
      given.answer = (request, response) => {
        if (etag !== undefined && request.headers['if-none-match'] === etag) return void response.writeHead(304).end()
        response.writeHead(200, etag === undefined ? {} : { etag }).end(list)
      }
    },
  }
  return given
}

/** A gateway that has taken list 10 with a1 from the server. */
export async function startWithList(t: Test, options: Parameters<typeof startCrlGateway>[1] = {}) {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(`${server.url}/crl`)] })], ...options })
  server.give(crlOf(gateway.ca, systemClock.nowMs(), { number: 10, serials: ['a1'] }))
  t.match(await gateway.sources.lookNow(), [{ result: 'applied' }])
  return { server, gateway }
}

/** The good list is taken again after whatever was wrong. */
export async function takesAgain(t: Test, { server, gateway }: Awaited<ReturnType<typeof startWithList>>) {
  t.ok(gateway.isListed('a1'))
  server.give(crlOf(gateway.ca, systemClock.nowMs(), { number: 11, serials: ['a1', 'a2'] }))
  t.match(await gateway.sources.lookNow(), [{ result: 'applied', number: '11', fault: undefined }])
  t.ok(gateway.isListed('a2'))
}
