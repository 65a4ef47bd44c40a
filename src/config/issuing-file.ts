import { z } from 'zod'
import { pemFile, text, whole } from './field.ts'
import { ownCertificate } from './own-certificate.ts'

const webUrls = (description: string) =>
  z
    .array(text('One URL', { pattern: /^https?:\/\/[^\s/]+(\/\S*)?$/, expected: 'an http:// or https:// URL' }))
    .default([])
    .describe(description)

const kind = <const T extends string>(value: T) => z.literal(value).describe('Who holds the key that signs')

const signer = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: kind('file'),
      key: pemFile('PEM file: the private key of the issuing CA (PKCS#8, encrypted, or protected by its mode alone)'),
      keyPassword: text('Password of that key; left out: the key is not encrypted', { secret: true }).optional(),
    }),
    z.strictObject({
      kind: kind('pkcs11'),
      module: text('The token’s PKCS#11 library', { expected: 'the absolute path of a .so file', pattern: /^\/\S+$/ }),
      tokenLabel: text('Label of the token'),
      keyLabel: text('Label of the private key on it'),
      pin: text('PIN of the token', { secret: true }),
      tool: text('The program that speaks to it, of the package OpenSC', {
        expected: 'the name or path of pkcs11-tool',
      }).default('pkcs11-tool'),
      environment: z
        .array(
          text('One name', { pattern: /^[A-Za-z_][A-Za-z0-9_]*$/, expected: 'the name of an environment variable' }),
        )
        .default([])
        .describe(
          'Environment variables that the library needs, beside HOME, PATH, LD_LIBRARY_PATH and those of SoftHSM, PKCS11 and OpenSC; it gets no others',
        ),
      signaturesAtOnce: whole([1, 64], 2, 'Signatures under way at the same time'),
      timeoutMs: whole([100, 120_000], 10_000, 'Longest time for one signature'),
    }),
    z.strictObject({
      kind: kind('est'),
      url: text('EST service of the CA (RFC 7030), up to /.well-known/est or a label below it', {
        pattern: /^https:\/\/[^\s/]+(\/\S*)?$/,
        expected: 'an https:// URL',
      }),
      ca: pemFile('PEM file of the CAs that issue the service’s server certificate; no other is trusted'),
      ...ownCertificate,
      username: text('Name for HTTP Basic, if the service wants one').optional(),
      password: text('Password for it', { secret: true }).optional(),
      timeoutMs: whole([100, 120_000], 10_000, 'Longest time for one certificate'),
    }),
  ])
  .describe('file: a key on this machine; pkcs11: a key on a token or HSM; est: another CA signs')

/** Key types that a user's certificate may have. */
export const issuableKeyTypes = ['P-256', 'P-384', 'RSA-2048'] as const

const oids = z
  .array(text('One policy', { pattern: /^\d+(\.\d+)+$/, expected: 'an object identifier such as 1.3.6.1.4.1.99999.1' }))
  .default([])
  .describe('Certificate policies; empty: none are written')

/** The CA that issues users' certificates, as it is written. */
export const issuingFile = z
  .strictObject({
    issuer: text('Name of the entry of `issuers` under which certificates are issued'),
    signer,
    subject: z
      .array(
        text('One attribute, the most general first', {
          pattern: /^(C|ST|L|O|OU|CN|serialNumber)=\S(.{0,62}\S)?$/,
          expected: 'C=, ST=, L=, O=, OU=, CN= or serialNumber= and a text of at most 64 characters',
        }),
      )
      .min(1)
      .default(['CN={loginId}'])
      .describe(
        'Subject of a certificate; {loginId} and {contractId} stand for the user’s. The login ID belongs where the doors read it (R12)',
      ),
    subjectAltNames: z
      .array(
        text('One name', {
          pattern: /^(uri|email|upn):\S+$/,
          expected: 'uri:, email: or upn: and a text, which may hold {loginId} and {contractId}',
        }),
      )
      .default([])
      .describe('Subject alternative names; empty: none are written'),
    keyTypes: z
      .array(z.enum(issuableKeyTypes).describe('RSA-2048: RSA keys of 2048 to 4096 bits'))
      .min(1)
      .default([...issuableKeyTypes])
      .describe('Keys that users’ certificates may have'),
    validityDays: whole([1, 1_826], 365, 'How long a certificate is valid, from its issue (R5)'),
    backdateSeconds: whole(
      [0, 86_400],
      300,
      'How long before its issue a certificate begins, for clocks that go wrong',
    ),
    renewalDays: whole([1, 3_650], 40, 'Days before expiry from which a certificate may be renewed (R11)'),
    crlUrls: webUrls('CRL distribution points; empty: none are written'),
    caIssuersUrls: webUrls(
      'Where the CA’s certificate is found (authority information access); empty: none are written',
    ),
    ocspUrls: webUrls('OCSP responders (authority information access); empty: none are written'),
    policyOids: oids,
  })
  .optional()
  .describe('The CA that issues the users’ certificates. Left out: this gateway issues none.')
