import { z } from 'zod'
import { addressRanges, flag, labelName, pemFile, text, whole } from './field.ts'
import { loginRequestsFile, passUnknownFile } from './login-requests-file.ts'

/** One address a door listens on; the port is 0 to 65535, 0 takes a free one. */
export type Listen = { readonly host: string; readonly port: number }

const listen = z
  .array(
    z.strictObject({
      host: text('Address to listen on', {
        expected: 'an IP address such as 127.0.0.1, 0.0.0.0, ::1 or ::',
      }).default('127.0.0.1'),
      port: z.number().int().min(0).max(65_535).describe('TCP port; 0 takes a free one (tests)'),
    }),
  )
  .min(1)
  .describe('Where the door listens; several entries make one door, for example one for IPv4 and one for IPv6')

const hostNames = z
  .array(
    text('One name', {
      expected: 'a host name such as login.bank.example, without port, or an IP address',
    }),
  )
  .min(1)
  .describe('Names the door answers to, compared ignoring case and a trailing dot; others get 421')

const serverCertificates = z
  .array(
    z.strictObject({
      certificate: pemFile('PEM file: the server certificate followed by its intermediates'),
      key: pemFile('PEM file: the private key of that certificate, unencrypted, readable by this program only'),
    }),
  )
  .min(1)
  .describe('Chosen by SNI, compared case-insensitively; the first one answers clients that send no SNI')

const doorName = () =>
  labelName('Name of the door in logs and metrics; unique, not `admin`, `ops` or `publication`', 'a door')

const proxyProtocol = z
  .strictObject({
    trustedAddresses: addressRanges()
      .min(1)
      .describe(
        'Addresses of the load balancers, whose connections must begin with it; those from elsewhere have their own address, and no header of theirs is read',
      ),
  })
  .optional()
  .describe(
    'Every connection of a load balancer begins with a PROXY protocol header (version 1 or 2) that tells the client’s address. Left out: none does',
  )

const oid = (description: string) =>
  text(description, { pattern: /^\d+(\.\d+)+$/, expected: 'an object identifier such as 2.5.4.5' })

const part = <const T extends string>(value: T) =>
  z.literal(value).describe('Which part of the certificate holds the login ID')

/** Where the login ID stands in the certificate (R12: the subject CN unless configured otherwise). */
const loginId = z
  .discriminatedUnion('from', [
    z.strictObject({ from: part('commonName') }),
    z.strictObject({
      from: part('subjectAttribute'),
      oid: oid('With `subjectAttribute`: the attribute type; with `sanOtherName`: the type-id'),
    }),
    z.strictObject({
      from: part('sanUri'),
      prefix: text('With `sanUri`: what the URI starts with; the rest is the login ID'),
    }),
    z.strictObject({
      from: part('sanOtherName'),
      oid: oid('With `subjectAttribute`: the attribute type; with `sanOtherName`: the type-id'),
    }),
  ])
  .default({ from: 'commonName' })
  .describe(
    'Where the login ID stands in a certificate: the subject common name, another subject attribute, a URI or an otherName of the subjectAltName (R12)',
  )

/** Where the login ID stands in the certificate (R12). */
export type LoginIdSource = z.infer<typeof loginId>

const certificateDoor = z.strictObject({
  name: doorName(),
  listen,
  hostNames,
  serverCertificates,
  issuers: z
    .array(text('The `name` of an entry of `issuers`'))
    .min(1)
    .describe('Names of the issuing CAs whose certificates may pass this door'),
  alternateAuthorities: z
    .array(
      text('One authority', {
        expected: 'host:port, its host one of the door’s hostNames (an IPv6 address in brackets)',
      }),
    )
    .default([])
    .describe('Other names or ports of this door, where a browser asks for a certificate again (R13)'),
  loginId,
  resumption: z
    .strictObject({
      enabled: flag(false, 'Whether TLS sessions may be resumed; each one is judged again'),
      lifetimeSeconds: whole([10, 86_400], 300, 'How long a session may be resumed'),
    })
    .describe('TLS session resumption. It saves CPU for clients that come back, and never skips the judgement')
    .prefault({}),
  proxyProtocol,
})

const publicDoor = z
  .strictObject({
    name: doorName().default('public'),
    listen,
    hostNames,
    serverCertificates,
    proxyProtocol,
    loginRequests: loginRequestsFile,
    insecurePassUnknownLoginIds: passUnknownFile,
  })
  .describe('Asks for no certificate: login top page, password-mode users, help. Left out: no such door.')

const adminDoor = z
  .strictObject({
    listen,
    serverCertificates,
    operatorIssuers: z
      .array(z.strictObject({ certificate: pemFile('PEM file of one CA that issues operator certificates') }))
      .min(1)
      .describe('CAs of operator certificates; never a CA that issues user certificates, nor one above it'),
  })
  .describe('Admin API; requires an operator certificate. Left out: no such door, and no revocation by API or CLI.')

const opsDoor = z
  .strictObject({ listen })
  .describe('Plain HTTP for `/metrics`, `/livez`, `/readyz`; keep it on loopback. Left out: no such listener.')

const publicationDoor = z
  .strictObject({ listen })
  .describe(
    'Plain HTTP for /pki and /ocsp only: what is served there is signed, and many programs fetch it in no other way. Needs `publication`. Left out: no such listener.',
  )

/** The listeners, each with its own rule on client certificates. */
export const doorsFile = z
  .strictObject({
    certificate: z
      .array(certificateDoor)
      .min(1)
      .describe('Doors for certificate-mode users. Each has its own issuers and its own TLS server.'),
    public: publicDoor.optional(),
    admin: adminDoor.optional(),
    ops: opsDoor.optional(),
    publication: publicationDoor.optional(),
  })
  .describe('The listeners, each with its own rule on client certificates.')
