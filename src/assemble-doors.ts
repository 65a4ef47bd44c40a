import { BlockList, isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { assert } from './base/assert.ts'
import type { TickClock } from './base/tick-clock.ts'
import type { CertificateDoorConfig, GatewayConfig, PublicDoorConfig } from './config/gateway-config.ts'
import { usualMethods } from './config/usual-methods.ts'
import type { AdmissionLimits } from './data-path/admission-limits.ts'
import type { Door } from './data-path/door.ts'
import { createDoorContexts, type DoorContexts } from './data-path/door-context.ts'
import { normaliseHost } from './data-path/host-check.ts'
import { LoginRules } from './data-path/login-rules.ts'
import { OwnPages, ownPrefix } from './data-path/own-pages.ts'
import { PasswordLogins } from './data-path/password-logins.ts'
import { CertificateReader } from './data-path/presented-certificate.ts'
import { createDateField } from './data-path/response-headers.ts'
import { type Route, RouteTable } from './data-path/route-table.ts'
import { UpstreamGroup } from './data-path/upstream-group.ts'
import { pageHeaders } from './portal/page-style.ts'
import { createPages } from './portal/pages.ts'
import type { TrustState } from './trust/admit.ts'
import { Freshness, type SharedFreshness } from './trust/freshness.ts'
import type { LiveConnections } from './trust/live-connections.ts'
import { mustBeGoodOf } from './trust/must-be-good.ts'
import type { RevocationIndex } from './trust/revocation-index.ts'
import { type IssuingCa, readIssuingCa } from './x509/issuing-ca.ts'

/** What lives as long as its worker, whatever the configuration becomes. */
export type WorkerParts = Pick<
  Door,
  | 'accessLog'
  | 'audit'
  | 'batch'
  | 'deadlines'
  | 'directory'
  | 'isDraining'
  | 'metrics'
  | 'nextConnectionId'
  | 'nextRequestIds'
  | 'tracing'
  | 'upgrades'
> & {
  readonly clock: TickClock
  readonly index: RevocationIndex
  readonly freshness: SharedFreshness
  readonly live: LiveConnections
  readonly signer: Door['services']['signer']
  readonly sealer: Door['services']['sealer']
  readonly ticketSecret: Uint8Array
  readonly admissionOf: (door: string) => AdmissionLimits
  /** Public keys of all gateways' assertions (RFC 7517). */
  readonly jwks: () => string
}

/** The doors of one worker under one configuration, and what they forward to. */
export type DoorSet = {
  readonly config: GatewayConfig
  readonly issuers: ReadonlyMap<string, IssuingCa>
  readonly doors: ReadonlyMap<string, { readonly door: Door; readonly contexts: DoorContexts }>
  readonly upstreams: ReadonlyMap<string, UpstreamGroup>
}

/**
 * Makes everything a configuration asks of a worker's doors, and touches nothing that runs. `checkedAtMs`: when the issuers were
 * checked; one that has expired since must not keep a new worker down. Throws GatewayError `config_invalid`.
 */
export function createDoorSet(
  config: GatewayConfig,
  parts: WorkerParts,
  { checkedAtMs, previous }: { checkedAtMs: number; previous: DoorSet | undefined },
): DoorSet {
  const issuers = readIssuers(config, { checkedAtMs, previous })
  const mustBeGood = mustBeGoodOf(config.issuers, issuers.values())
  const shared = sharedParts(config, { ...parts, mustBeGood }, previous)
  const certificateDoors = config.doors.certificate.map((door) => {
    const doorIssuers = door.issuers.map((name) => issuers.get(name)).filter((issuer) => issuer !== undefined)
    assert(doorIssuers.length > 0, `door ${door.name} has issuers`)
    return { door, issuers: doorIssuers, contexts: contextsOf(door, doorIssuers, parts) }
  })
  const publicDoor = config.doors.public
  const all = [
    ...certificateDoors,
    ...(publicDoor === undefined
      ? []
      : [{ door: publicDoor, issuers: undefined, contexts: contextsOf(publicDoor, undefined, parts) }]),
  ]
  // Last, because groups are at work from the moment they are made.
  const upstreams = createUpstreams(config, parts, previous)
  const doors = all.map(({ door, issuers: doorIssuers, contexts }) => {
    const routes = new RouteTable(routesOf(config, { door: door.name, shared, upstreams, parts }), config.http)
    return [
      door.name,
      {
        door: { ...shared, ...doorParts(config, door, { issuers: doorIssuers, parts, previous }), routes },
        contexts,
      },
    ] as const
  })
  return { config, issuers, doors: new Map(doors), upstreams }
}

/** An issuer that did not change stays the same object, by which opinions on its certificates are known to stand. */
function readIssuers(
  { issuers }: GatewayConfig,
  { checkedAtMs, previous }: { checkedAtMs: number; previous: DoorSet | undefined },
): ReadonlyMap<string, IssuingCa> {
  const read = issuers.map((issuer) => {
    const same = previous?.config.issuers.find((former) => isDeepStrictEqual(former, issuer))
    const known = same && previous?.issuers.get(same.name)
    return [issuer.name, known ?? readIssuingCa(issuer, checkedAtMs)] as const
  })
  return new Map(read)
}

type SharedParts = Omit<Door, keyof DoorParts | 'routes'>
type DoorParts = Pick<
  Door,
  | 'name'
  | 'certificates'
  | 'hostNames'
  | 'defaultHost'
  | 'alternateAuthorities'
  | 'admission'
  | 'ownPages'
  | 'proxyTrusted'
>

function sharedParts(
  config: GatewayConfig,
  parts: WorkerParts & { readonly mustBeGood: ReadonlySet<string> | undefined },
  previous: DoorSet | undefined,
): SharedParts {
  const { limits, institution, timeZone, http } = config
  const { clock, accessLog, audit, batch, deadlines, isDraining, metrics, upgrades, mustBeGood } = parts
  const hasDirectory = config.directory !== 'none'
  const directory = hasDirectory || mustBeGood !== undefined ? parts.directory : undefined
  const trust = {
    clock,
    index: parts.index,
    freshness: new Freshness(parts.freshness, { clock, ...config.revocation }),
    live: parts.live,
    directory: hasDirectory,
    mustBeRegistered: config.certificates.mustBeRegistered,
    ...(mustBeGood && { mustBeGood }),
  }
  return {
    ...{ clock, accessLog, audit, batch, deadlines, directory, isDraining, limits, metrics, upgrades },
    tracing: parts.tracing,
    nextConnectionId: parts.nextConnectionId,
    nextRequestIds: parts.nextRequestIds,
    headLimits: { ...limits, knownMethods: new Set([...usualMethods, ...http.extraMethods]) },
    trust,
    recordsSeen: hasDirectory && config.certificates.recordSeen && !config.certificates.mustBeRegistered,
    services: servicesOf(config, parts, previous),
    passwordLogins: passwordLoginsOf(config, parts, trust),
    pages: createPages(institution, { timeZone }),
    pageFields: pageHeaders.flat(),
    trustedForwarders: blockList(http.trustedForwarders),
    http2: http.http2,
    webSocketOrigins: new Set(http.webSocketOrigins.map((origin) => origin.toLowerCase())),
    date: createDateField(() => clock.nowMs()),
    hsts: http.hstsSeconds > 0 ? `max-age=${http.hstsSeconds}` : undefined,
  }
}

/** The same object while they are the same: what was prepared of them for each client stands. */
function servicesOf(
  { identity: { renewalDueDays }, timeZone }: GatewayConfig,
  { clock, signer, sealer }: WorkerParts,
  previous: DoorSet | undefined,
): Door['services'] {
  const [former] = previous?.doors.values() ?? []
  const known = former?.door.services
  return known?.renewalDueDays === renewalDueDays ? known : { clock, renewalDueDays, timeZone, signer, sealer }
}

/** Undefined: logins with ID and password are the application's affair. */
function passwordLoginsOf(
  { doors, http }: GatewayConfig,
  { sealer }: WorkerParts,
  trust: TrustState,
): PasswordLogins | undefined {
  const { loginRequests = [], insecurePassUnknownLoginIds = false } = doors.public ?? {}
  if (loginRequests.length === 0) return undefined
  const rules = new LoginRules(loginRequests, http)
  return new PasswordLogins({ rules, passUnknown: insecurePassUnknownLoginIds, sealer, trust })
}

function doorParts(
  config: GatewayConfig,
  door: CertificateDoorConfig | PublicDoorConfig,
  from: { issuers: readonly IssuingCa[] | undefined; parts: WorkerParts; previous: DoorSet | undefined },
): DoorParts {
  const { issuers, parts } = from
  const hostNames = door.hostNames.map((name) => normaliseHost(name)).filter((name) => name !== undefined)
  const ownPages = new OwnPages()
  if (issuers === undefined) {
    const contentType = 'application/jwk-set+json'
    ownPages.set(`${ownPrefix}jwks.json`, () => ({ status: 200, contentType, body: parts.jwks() }))
  }
  return {
    name: door.name,
    certificates:
      issuers && 'loginId' in door
        ? new CertificateReader(
            { issuers, loginId: door.loginId, rsaBitsMin: config.certificates.rsaBitsMin },
            from.previous?.doors.get(door.name)?.door.certificates,
          )
        : undefined,
    hostNames: new Set(hostNames),
    defaultHost: hostNames[0] ?? 'localhost',
    alternateAuthorities: 'alternateAuthorities' in door ? door.alternateAuthorities : certificateAuthorities(config),
    admission: parts.admissionOf(door.name),
    ownPages,
    proxyTrusted: blockList(door.proxyProtocol?.trustedAddresses ?? []),
  }
}

function contextsOf(
  door: CertificateDoorConfig | PublicDoorConfig,
  issuers: readonly IssuingCa[] | undefined,
  parts: WorkerParts,
): DoorContexts {
  const resumption = 'resumption' in door && door.resumption.enabled ? door.resumption : undefined
  return createDoorContexts({
    name: door.name,
    serverCertificates: door.serverCertificates,
    issuers,
    resumption: resumption && { ...resumption, ticketSecret: Buffer.from(parts.ticketSecret) },
  })
}

function createUpstreams(config: GatewayConfig, parts: WorkerParts, previous: DoorSet | undefined) {
  const { clock, batch, deadlines, metrics } = parts
  const groups = config.upstreams.map((upstream) => {
    const former = previous?.upstreams.get(upstream.name)
    const same = previous?.config.upstreams.find(({ name }) => name === upstream.name)
    if (former !== undefined && isDeepStrictEqual(upstream, same)) return former
    const options = { config: upstream, workers: config.workers, clock, batch, deadlines, metrics }
    return new UpstreamGroup({ ...options, previous: former, prepared: previous !== undefined })
  })
  return new Map(groups.map((group) => [group.name, group]))
}

function routesOf(
  config: GatewayConfig,
  from: {
    door: string
    shared: SharedParts
    upstreams: ReadonlyMap<string, UpstreamGroup>
    parts: WorkerParts
  },
): Route[] {
  const { shared, parts } = from
  return config.routes
    .filter(({ doors }) => doors.includes(from.door))
    .map((route) => {
      const upstream = from.upstreams.get(route.upstream)
      assert(upstream !== undefined, `route ${route.name} has its upstream`)
      const limits = { ...shared.limits, ...route, upstreamConnectTimeoutMs: upstream.connectTimeoutMs }
      const { headLimits, hsts, date, clock } = shared
      const outlivesCut = route.outlivesCut === true
      const exchanges = { ...{ upstream, limits, headLimits, hsts, date, clock, outlivesCut }, route: route.name }
      return {
        kind: 'route',
        name: route.name,
        hosts: route.hosts,
        pathPrefix: route.pathPrefix,
        certificate: route.certificate,
        methods: route.methods === undefined ? undefined : new Set(route.methods),
        webSocket: route.webSocket,
        exchanges: { ...exchanges, batch: parts.batch, metrics: parts.metrics },
      }
    })
}

/** Where the public door sends those whose route wants a certificate. */
function certificateAuthorities({ doors }: GatewayConfig): readonly string[] {
  return doors.certificate.flatMap(({ alternateAuthorities, hostNames, listen }) =>
    alternateAuthorities.length > 0 ? alternateAuthorities : [`${hostNames[0]}:${listen[0]?.port}`],
  )
}

/** CIDR ranges and single addresses, checked by the configuration; undefined for none. */
function blockList(ranges: readonly string[]): BlockList | undefined {
  if (ranges.length === 0) return undefined
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family)
  }
  return list
}
