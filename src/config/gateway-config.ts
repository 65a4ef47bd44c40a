import type { ConfigFile, Limits, Listen, LoginIdSource } from './config-file.ts'

/**
 * The configuration as the program uses it: parsed once, files read, frozen. Plain data, so that it can be handed to
 * worker threads. No other module reads the environment or configuration files.
 */
export type GatewayConfig = Omit<ConfigFile, 'issuers' | 'doors'> & {
  readonly issuers: readonly IssuerConfig[]
  readonly doors: {
    readonly certificate: readonly CertificateDoorConfig[]
    readonly public: PublicDoorConfig | undefined
    readonly admin: AdminDoorConfig | undefined
    readonly ops: { readonly listen: readonly Listen[] } | undefined
  }
}

export type IssuerConfig = {
  readonly name: string
  readonly certificatePem: string
  /** The CAs above it, nearest first, up to the root. */
  readonly chainPems: readonly string[]
}

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
}

export type PublicDoorConfig = {
  readonly name: string
  readonly listen: readonly Listen[]
  readonly hostNames: readonly string[]
  readonly serverCertificates: readonly ServerCertificateConfig[]
}

export type AdminDoorConfig = {
  readonly listen: readonly Listen[]
  readonly serverCertificates: readonly ServerCertificateConfig[]
  readonly operatorIssuerPems: readonly string[]
}

export type { Limits, Listen, LoginIdSource }
