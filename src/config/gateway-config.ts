import type { ConfigFile, Limits, Listen, LoginIdSource } from './config-file.ts'

/**
 * The configuration as the program uses it: parsed once, files read, frozen. Plain data, so that it can be handed to
 * worker threads. No other module reads the environment or configuration files.
 */
export type GatewayConfig = Omit<
  ConfigFile,
  | 'issuers'
  | 'doors'
  | 'upstreams'
  | 'routes'
  | 'store'
  | 'workers'
  | 'issuing'
  | 'publication'
  | 'passwords'
  | 'portal'
  | 'notices'
> & {
  /** Data workers. Default: as many as cores this process may use. Range 1 to 256. */
  readonly workers: number
  readonly store: StoreConfig
  /** Undefined: this gateway issues no certificates. */
  readonly issuing: IssuingConfig | undefined
  /** Undefined: neither CRL nor OCSP nor CA certificate are published. Defined only where the signer of `issuing` is here. */
  readonly publication: PublicationConfig | undefined
  readonly passwords: PasswordsConfig
  /** Undefined: no pages of its own, and no EST. */
  readonly portal: PortalConfig | undefined
  readonly notices: NoticesConfig
  readonly upstreams: readonly UpstreamConfig[]
  /** Never empty. In the order of the file; which one takes a request does not depend on it. */
  readonly routes: readonly RouteConfig[]
  readonly issuers: readonly IssuerConfig[]
  readonly doors: {
    readonly certificate: readonly CertificateDoorConfig[]
    readonly public: PublicDoorConfig | undefined
    readonly admin: AdminDoorConfig | undefined
    readonly ops: { readonly listen: readonly Listen[] } | undefined
    /** Plain HTTP for CRL and OCSP. */
    readonly publication?: { readonly listen: readonly Listen[] } | undefined
  }
}

export type IssuerConfig = {
  readonly name: string
  readonly certificatePem: string
  /** The CAs above it, nearest first, up to the root. */
  readonly chainPems: readonly string[]
  /** CRLs that are taken; left out: none. Their names differ. */
  readonly crls?: readonly CrlListConfig[]
  /** Left out: no OCSP responder is asked. */
  readonly ocsp?: OcspConfig | undefined
}

/** A CRL of another CA. */
export type CrlListConfig = Omit<
  NonNullable<ConfigFile['issuers'][number]['crls']>[number],
  'from' | 'delta' | 'ca'
> & {
  /** At least one; the first that gives a usable list counts. */
  readonly from: readonly CrlPlace[]
  /** Empty: there is no delta list. */
  readonly delta: readonly CrlPlace[]
  /** The only CAs that are trusted for https:// places; undefined: there are none. */
  readonly caPem: string | undefined
}

/** `path` is absolute. */
export type CrlPlace = { readonly kind: 'url'; readonly url: string } | { readonly kind: 'file'; readonly path: string }

/** The OCSP responder of an issuer. */
export type OcspConfig = Omit<NonNullable<ConfigFile['issuers'][number]['ocsp']>, 'ca'> & {
  /** The only CAs that are trusted for its https:// URL. */
  readonly caPem: string | undefined
}

export type IssuingConfig = Omit<NonNullable<ConfigFile['issuing']>, 'signer'> & { readonly signer: SignerConfig }

/** `baseUrl` without a slash at its end; undefined: nobody is told where. */
export type PublicationConfig = Omit<NonNullable<ConfigFile['publication']>, 'baseUrl'> & {
  readonly baseUrl: string | undefined
}

/** What signs: a key here (`keyPem` encrypted if and only if there is a password), a token, or another CA. */
export type SignerConfig =
  | { readonly kind: 'file'; readonly keyPem: string; readonly keyPassword: string | undefined }
  | Extract<NonNullable<ConfigFile['issuing']>['signer'], { kind: 'pkcs11' }>
  | ({
      readonly kind: 'est'
      readonly url: string
      readonly username: string | undefined
      readonly password: string | undefined
      readonly timeoutMs: number
    } & ServiceTlsConfig)

/** How a service of others is known, and what is shown to it. */
export type ServiceTlsConfig = {
  /** The only CAs that are trusted for it. Undefined: it is spoken to without TLS. */
  readonly caPem: string | undefined
  /** The gateway's own client certificate, intermediates after it; undefined together with `keyPem`. */
  readonly certificatePem: string | undefined
  readonly keyPem: string | undefined
}

export type PasswordsConfig = Omit<ConfigFile['passwords'], 'verifier'> & { readonly verifier: VerifierConfig }

/** Who knows the passwords: hashes in the directory, or the banking application. */
export type VerifierConfig =
  | { readonly kind: 'directory' }
  | ({
      readonly kind: 'http'
      readonly url: string
      readonly timeoutMs: number
      readonly requestsAtOnceMax: number
    } & ServiceTlsConfig)

export type PortalConfig = Omit<ConfigFile['portal'], 'enabled' | 'publicAuthority' | 'certificateAuthority'> & {
  /** host:port of the public door as users reach it. Undefined: as the door itself says. */
  readonly publicAuthority: string | undefined
  readonly certificateAuthority: string | undefined
}

export type NoticesConfig = Omit<ConfigFile['notices'], 'smtp' | 'outboxFolder' | 'from'> & {
  /** Largest first. */
  readonly days: readonly number[]
  /** Empty where nothing is delivered. */
  readonly from: string
  /** Undefined: there are no mails. */
  readonly delivery: MailDeliveryConfig | undefined
}

/** How mails leave: through a mail server, or into a folder (absolute path). */
export type MailDeliveryConfig =
  | (Omit<NonNullable<ConfigFile['notices']['smtp']>, 'ca'> & {
      readonly kind: 'smtp'
      /** The only CAs that are trusted for it. Undefined: those that Node knows. */
      readonly caPem: string | undefined
    })
  | { readonly kind: 'folder'; readonly folder: string }

export type ServerCertificateConfig = {
  /** Server certificate first, then its intermediates. */
  readonly certificatePem: string
  readonly keyPem: string
  /** dNSName and iPAddress entries of its SAN, lower case, for the choice by SNI. */
  readonly names: readonly string[]
}

export type CertificateDoorConfig = {
  readonly name: string
  readonly listen: readonly Listen[]
  /** As in a Host field: lower case, no trailing dot, IPv6 addresses shortened and in brackets. */
  readonly hostNames: readonly string[]
  readonly serverCertificates: readonly ServerCertificateConfig[]
  readonly issuers: readonly string[]
  /** host:port, the host as in `hostNames`. */
  readonly alternateAuthorities: readonly string[]
  readonly loginId: LoginIdSource
  readonly resumption: { readonly enabled: boolean; readonly lifetimeSeconds: number }
  readonly proxyProtocol: ProxyProtocolConfig | undefined
}

export type PublicDoorConfig = {
  readonly name: string
  readonly listen: readonly Listen[]
  readonly hostNames: readonly string[]
  readonly serverCertificates: readonly ServerCertificateConfig[]
  readonly proxyProtocol: ProxyProtocolConfig | undefined
  /** Logins with ID and password that the gateway judges; empty: none. Their paths differ, whatever the case. */
  readonly loginRequests: readonly LoginRequestConfig[]
  /** Whether login IDs that the directory does not know go to the application. */
  readonly insecurePassUnknownLoginIds: boolean
}

/** Requests that log somebody in with ID and password. */
export type LoginRequestConfig = {
  /** `/`, or segments of unreserved characters without a slash at the end. */
  readonly path: string
  readonly loginIdField: string
  /** Whether everything below the path is a login too. */
  readonly includeBelow: boolean
  readonly bodyBytesMax: number
}

/** Every connection of the door begins with a PROXY header, and only these addresses may open one. */
export type ProxyProtocolConfig = {
  /** CIDR ranges, `address/prefix`; at least one. */
  readonly trustedAddresses: readonly string[]
}

export type AdminDoorConfig = {
  readonly listen: readonly Listen[]
  readonly serverCertificates: readonly ServerCertificateConfig[]
  readonly operatorIssuerPems: readonly string[]
}

export type UpstreamConfig = {
  /** Metric label. */
  readonly name: string
  /** At least one, each once; all with TLS or all without. */
  readonly targets: readonly UpstreamTargetConfig[]
  /** Defined if and only if the targets speak TLS. */
  readonly tls: UpstreamTlsConfig | undefined
  /**
   * `loginId`: requests of one login ID go to one target as long as it is there (public door: of one client address).
   * `none`: to the target with the fewest requests in progress.
   */
  readonly affinity: 'none' | 'loginId'
  readonly connectTimeoutMs: number
  /** Of the whole gateway, like the two below: divided among the workers, rounded up. */
  readonly connectionsMax: number
  readonly idleConnectionsMax: number
  readonly queueMax: number
  readonly idleTimeoutMs: number
  readonly queueTimeoutMs: number
  /** 0: a target that comes back gets its full share at once. */
  readonly slowStartMs: number
  /** That many failures in a row put a target out for so long, doubled up to eight times while it keeps failing. */
  readonly ejection: { readonly failures: number; readonly durationMs: number }
  readonly healthCheck: HealthCheckConfig | undefined
}

export type UpstreamTargetConfig = {
  /** host:port, an IPv6 address in brackets. Metric label. */
  readonly name: string
  /** Lower case, without brackets. */
  readonly host: string
  readonly port: number
  /** Whether it speaks TLS. */
  readonly secure: boolean
  /** A Unix socket to connect to, in place of host and port: the gateway's own pages. */
  readonly socketPath?: string
}

export type UpstreamTlsConfig = {
  /** The only CAs that are trusted for this upstream. */
  readonly caPem: string
  /** For SNI and verification. Undefined: each target's host. */
  readonly serverName: string | undefined
  /** The gateway's own client certificate, intermediates after it; undefined together with `keyPem`. */
  readonly certificatePem: string | undefined
  readonly keyPem: string | undefined
}

export type HealthCheckConfig = {
  /** Target of a GET request; an answer with 2xx or 3xx is healthy. */
  readonly path: string
  /** Its Host field. Undefined: the target's name. */
  readonly host: string | undefined
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyAfter: number
  readonly unhealthyAfter: number
}

export type RouteConfig = {
  /** Metric label. */
  readonly name: string
  /** Names of doors, at least one. */
  readonly doors: readonly string[]
  /** Spelt as `hostNames` of doors; empty: every host of the door. */
  readonly hosts: readonly string[]
  /** `/`, or segments of unreserved characters (RFC 3986 2.3) without a slash at the end. Matched by whole segments. */
  readonly pathPrefix: string
  /** The name of one of `upstreams`. */
  readonly upstream: string
  /**
   * `asDoor`: certificate doors want a good certificate, the public door none. `required`: the public door refuses.
   * `optional`: on certificate doors clients without a good certificate pass too, without any identity.
   */
  readonly certificate: 'asDoor' | 'required' | 'optional'
  /** Undefined: all that `http` lets through. */
  readonly methods: readonly string[] | undefined
  readonly webSocket: boolean
  readonly bodyBytesMax: number
  readonly bodyIdleTimeoutMs: number
  readonly upstreamResponseTimeoutMs: number
  readonly webSocketIdleTimeoutMs: number
  /** Only of the gateway's own page of revocation: its answer reaches the client whom it cuts (R15). */
  readonly outlivesCut?: true
}

/** `embedded`: a file in the state folder. */
export type StoreConfig = { readonly kind: 'embedded' } | ({ readonly kind: 'redis' } & RedisConfig)

/** A Redis or Valkey that gateways share. */
export type RedisConfig = {
  readonly mode: 'standalone' | 'sentinel' | 'cluster'
  /** At least one, each once: the server itself (exactly one), the Sentinels, or some nodes of the cluster. Hosts without brackets. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  /** Defined if and only if the mode is `sentinel`. */
  readonly sentinelName: string | undefined
  readonly sentinelUsername: string | undefined
  readonly sentinelPassword: string | undefined
  /** 0 in a cluster. */
  readonly database: number
  /** Never without a password. Undefined: the default user. */
  readonly username: string | undefined
  readonly password: string | undefined
  /** Defined if and only if the servers speak TLS. */
  readonly tls: RedisTlsConfig | undefined
  readonly connectTimeoutMs: number
  readonly commandTimeoutMs: number
  /** 0: nobody waits for replicas. */
  readonly replicasWanted: number
  readonly replicasTimeoutMs: number
  readonly logEventsMax: number
}

export type RedisTlsConfig = {
  /** The only CAs that are trusted for the store. Undefined: the public ones that Node knows. */
  readonly caPem: string | undefined
  /** For SNI and verification. Undefined: the host of each node. */
  readonly serverName: string | undefined
  /** The gateway's own client certificate, intermediates after it; undefined together with `keyPem`. */
  readonly certificatePem: string | undefined
  readonly keyPem: string | undefined
}

export type { Limits, Listen, LoginIdSource }
