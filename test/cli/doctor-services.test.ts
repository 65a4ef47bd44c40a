// Goal: what the doctor says of a Redis and of a running gateway: ok where it is, warn or bad where it is not, and then what to do; the
// other CA that issues is reached, and asked for nothing. Method: a table of what they answer, and a TLS server.
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { describeGateway, gatewayChecks } from '../../src/cli/doctor/gateway-checks.ts'
import { issuingChecks } from '../../src/cli/doctor/issuing-checks.ts'
import { describeServer } from '../../src/cli/doctor/store-checks.ts'
import type { GatewayConfig } from '../../src/config/gateway-config.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { all, checkRows, config, examinedOf, holder, type Row } from './doctor-setting.ts'

const status = {
  ...{ state: 'live', dataAgeSeconds: 0.2, lastFault: null, workers: 2, workersConfigured: 2 },
  configuration: { loadedAt: '2027-01-01T00:00:00.000Z', lastReload: null },
}
const gateways = [{ name: 'a', behind: false }] as unknown as Parameters<typeof describeGateway>[1]['gateways']
const facts = {
  ...{
    server: 'Redis at 127.0.0.1:6379',
    version: '7.0.15',
    appendOnly: true,
    persists: true,
    replicas: 1,
    usedBytes: 1e6,
    bytesMax: 0,
  },
  ...{ aheadMs: 3, forbidden: [] as string[] },
}
const refusedReload = { at: '', cause: 'signal', result: 'refused', problems: ['Cannot use a as b'] } as const
const redis = (changes: Partial<Parameters<typeof describeServer>[0]>) => () =>
  describeServer({ ...facts, ...changes }, { username: 'sekisho', replicasWanted: 1 })
const gatewayOf = (changes: object) => () => describeGateway({ ...status, ...changes }, { gateways })

const rows: readonly Row[] = [
  { subject: /^Redis at/, look: redis({}), level: 'ok', detail: /version 7\.0\.15/ },
  { subject: /^Redis at/, look: redis({ version: '5.0.1' }), level: 'bad', detail: /5\.0\.1/, fix: /6\.2 or later/ },
  { subject: /persistence/, look: redis({}), level: 'ok', detail: /append-only/ },
  { subject: /persistence/, look: redis({ appendOnly: false }), level: 'warn', detail: /loses/, fix: /appendonly yes/ },
  { subject: /persistence/, look: redis({ persists: false }), level: 'bad', detail: /failed/, fix: /space/ },
  { subject: /^Redis replicas/, look: redis({}), level: 'ok', detail: /1 connected, 1 wanted/ },
  {
    subject: /^Redis replicas/,
    look: redis({ replicas: 0 }),
    level: 'warn',
    detail: /0 connected/,
    fix: /INFO replication.*replicasWanted: 0/,
  },
  { subject: /^Redis memory/, look: redis({}), level: 'ok', detail: /1 MiB used, no limit/ },
  {
    subject: /^Redis memory/,
    look: redis({ usedBytes: 95e6, bytesMax: 100e6 }),
    level: 'warn',
    detail: /91 of 95|91 MiB used of 95/,
    fix: /maxmemory/,
  },
  {
    subject: /^Redis memory/,
    look: redis({ usedBytes: 100e6, bytesMax: 100e6 }),
    level: 'bad',
    detail: /of 95 MiB/,
    fix: /maxmemory/,
  },
  { subject: /Clock against/, look: redis({}), level: 'ok', detail: /3 ms behind/ },
  {
    subject: /Clock against/,
    look: redis({ aheadMs: -2_000 }),
    level: 'warn',
    detail: /2000 ms ahead of/,
    fix: /chronyc/,
  },
  {
    subject: /Clock against/,
    look: redis({ aheadMs: 60_000 }),
    level: 'bad',
    detail: /60000 ms behind/,
    fix: /chronyc/,
  },
  { subject: /Redis user sekisho/, look: redis({}), level: 'ok', detail: /all that a gateway needs/ },
  {
    subject: /Redis user/,
    look: redis({ forbidden: ['xadd'] }),
    level: 'bad',
    detail: /xadd/,
    fix: /ACL SETUSER sekisho .*\+xadd/,
  },
  {
    subject: /Redis user/,
    look: redis({ forbidden: ['eval'] }),
    level: 'warn',
    detail: /read only/,
    fix: /only follows/,
  },
  {
    subject: /Redis user/,
    look: redis({ forbidden: undefined }),
    level: 'warn',
    detail: /cannot tell/,
    fix: /ACL GETUSER/,
  },
  {
    subject: /^Gateway$/,
    look: () =>
      all(
        gatewayChecks(examinedOf(), () => {
          throw new Error('unused')
        }),
      ),
    level: 'ok',
    detail: /none runs/,
  },
  {
    subject: /^Admin door$/,
    look: () =>
      all(
        gatewayChecks(examinedOf({ holder }), () => {
          throw new Error('no certificate')
        }),
      ),
    level: 'warn',
    detail: /not asked/,
    fix: /--admin URL --cert/,
  },
  {
    subject: /^Readiness$/,
    look: () =>
      all(
        gatewayChecks(
          examinedOf({
            holder,
            config: { doors: { ...config.doors, ops: { listen: [{ host: '127.0.0.1', port: 1 }] } } },
          }),
          () => {
            throw new Error('x')
          },
        ),
      ),
    level: 'bad',
    detail: /nothing listens there/,
    fix: /journalctl/,
  },
  { subject: /^Revocation data$/, look: gatewayOf({}), level: 'ok', detail: /live, revocation data 0\.2 s old/ },
  {
    subject: /^Revocation data$/,
    look: gatewayOf({ state: 'stale', lastFault: 'gone' }),
    level: 'bad',
    detail: /stale.*gone/,
    fix: /Mend the store/,
  },
  { subject: /^Data workers$/, look: gatewayOf({}), level: 'ok', detail: /2 of 2/ },
  {
    subject: /^Data workers$/,
    look: gatewayOf({ workers: 1 }),
    level: 'bad',
    detail: /1 of 2 run/,
    fix: /worker_ended/,
  },
  { subject: /^Reload$/, look: gatewayOf({}), level: 'ok', detail: /in force since 2027/ },
  {
    subject: /^Reload$/,
    look: gatewayOf({ configuration: { ...status.configuration, lastReload: refusedReload } }),
    level: 'bad',
    detail: /Cannot use a/,
    fix: /old configuration/,
  },
  { subject: /^Gateways$/, look: gatewayOf({}), level: 'ok', detail: /none is behind/ },
  {
    subject: /^Gateways$/,
    look: () => describeGateway(status, { gateways: [{ name: 'b', behind: true }] as never }),
    level: 'warn',
    detail: /behind: b/,
    fix: /sekisho gateways/,
  },
]

t.test('each check: as it should be, as it should not be, and what to do then', (t) => checkRows(t, rows))

t.test(
  'another CA that issues: reached over verified TLS and asked for nothing, of somebody else, or not there',
  async (t) => {
    const ca = createTestCa({ commonName: 'est-ca' })
    const { certificatePem: cert, keyPem: key } = ca.issueServer()
    let requests = 0
    const server = createServer({ cert, key }, (_, response) => {
      requests += 1
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const look = async (port: number, caPem: string) => {
      const signer = { kind: 'est', url: `https://localhost:${port}/.well-known/est`, caPem, timeoutMs: 1_000 }
      const issuing = { issuer: 'test-issuing-ca', signer } as unknown as NonNullable<GatewayConfig['issuing']>
      return (await all(issuingChecks(examinedOf({ config: { issuing } }))))[0]
    }
    const { port } = server.address() as AddressInfo
    t.match(await look(port, ca.certificatePem), {
      level: 'ok',
      subject: `Other CA localhost:${port}`,
      detail: /TLSv1\.3/,
    })
    const other = createTestCa({ commonName: 'other' }).certificatePem
    t.match(await look(port, other), {
      level: 'bad',
      detail: /no certificate can be issued: .*another CA/,
      fix: /curl --cacert/,
    })
    t.match(await look(1, other), { level: 'bad', detail: /nothing listens there/ })
    t.equal(requests, 0)
  },
)
