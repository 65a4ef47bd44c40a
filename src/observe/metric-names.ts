import type { GatewayConfig } from '../config/gateway-config.ts'
import type { MetricNames } from './metric-table.ts'

/** Routes that stand in no configuration: the gateway's own pages, and requests that no route took. */
const builtInRoutes = ['own', 'refused']

/** The names of a configuration as metrics show them; what it does not say is given beside it. */
export function nameMetrics(config: GatewayConfig, others: Pick<MetricNames, 'adminRoutes' | 'build'>): MetricNames {
  const { certificate, public: publicDoor } = config.doors
  return {
    doors: [...certificate.map(({ name }) => name), ...(publicDoor === undefined ? [] : [publicDoor.name])],
    routes: [...config.routes.map(({ name }) => name), ...builtInRoutes],
    upstreams: config.upstreams.map(({ name }) => name),
    targets: config.upstreams.flatMap(({ name, targets }) =>
      targets.map((target) => ({ upstream: name, name: target.name })),
    ),
    issuers: config.issuers.map(({ name }) => name),
    crlLists: nameCrlLists(config),
    ocspIssuers: config.issuers.filter(({ ocsp }) => ocsp !== undefined).map(({ name }) => name),
    publishers: config.publication === undefined || config.issuing === undefined ? [] : [config.issuing.issuer],
    serverCertificates: nameServerCertificates(config).map(({ name }) => name),
    clientCertificates: nameClientCertificates(config).map(({ name }) => name),
    adminRoutes: [...others.adminRoutes, 'none'],
    build: others.build,
  }
}

/** Every CRL that is taken, as metrics name it. */
function nameCrlLists({ issuers }: GatewayConfig): string[] {
  return issuers.flatMap(({ name: issuer, crls = [] }) =>
    crls.flatMap(({ name, delta }) => [
      `${issuer}/${name}`,
      ...(delta.length === 0 ? [] : [`${issuer}/${name}+delta`]),
    ]),
  )
}

type NamedCertificate = { readonly name: string; readonly certificatePem: string }

/** Every server certificate under the name of its door, numbered where a door has several. */
export function nameServerCertificates({ doors }: GatewayConfig): NamedCertificate[] {
  const served = [
    ...doors.certificate,
    ...(doors.public === undefined ? [] : [doors.public]),
    ...(doors.admin === undefined ? [] : [{ name: 'admin', serverCertificates: doors.admin.serverCertificates }]),
  ]
  return served.flatMap(({ name, serverCertificates }) =>
    serverCertificates.map(({ certificatePem }, position) => ({
      name: serverCertificates.length === 1 ? name : `${name}-${position}`,
      certificatePem,
    })),
  )
}

/** Every client certificate of the gateway's own under the one it is shown to: `upstream/<name>`, `store`, `passwords`, `issuing`. */
export function nameClientCertificates({ upstreams, store, passwords, issuing }: GatewayConfig): NamedCertificate[] {
  const shown = [
    ...upstreams.map(({ name, tls }) => ({ name: `upstream/${name}`, certificatePem: tls?.certificatePem })),
    { name: 'store', certificatePem: store.kind === 'redis' ? store.tls?.certificatePem : undefined },
    {
      name: 'passwords',
      certificatePem: passwords.verifier.kind === 'http' ? passwords.verifier.certificatePem : undefined,
    },
    { name: 'issuing', certificatePem: issuing?.signer.kind === 'est' ? issuing.signer.certificatePem : undefined },
  ]
  return shown.flatMap(({ name, certificatePem }) => (certificatePem === undefined ? [] : [{ name, certificatePem }]))
}
