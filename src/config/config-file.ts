import { z } from 'zod'
import { doorsFile } from './doors-file.ts'
import { addressRanges, flag, pemFile, text, whole, wholeOrLeftOut } from './field.ts'
import { issuingFile } from './issuing-file.ts'
import { limitsFile } from './limits-file.ts'
import { noticesFile } from './notices-file.ts'
import { passwordsFile, portalFile } from './portal-file.ts'
import { publicationFile } from './publication-file.ts'
import { crlFetchFile, crlsFile, ocspFile } from './revocation-sources-file.ts'
import { routesFile } from './routes-file.ts'
import { storeFile } from './store-file.ts'
import { tracingFile } from './tracing-file.ts'
import { upstreamsFile } from './upstreams-file.ts'

const bilingual = (description: string) =>
  z.strictObject({ ja: text(`${description}, in Japanese`), en: text(`${description}, in English`) })

const webAddress = 'an http:// or https:// URL, or a path that starts with /'

const institution = z
  .strictObject({
    name: bilingual('Name of the institution on pages'),
    selfReference: bilingual('How the institution speaks of itself (当行, 当金庫, 当組合)'),
    contact: bilingual('Whom users ask'),
    hours: bilingual('When they may ask'),
    helpUrl: text('Page with more help, if there is one', { expected: webAddress }).optional(),
    issueUrl: text(
      'Page where a certificate is issued (電子証明書発行); shown where a new certificate is the next step',
      {
        expected: webAddress,
      },
    ).optional(),
  })
  .describe('Who runs the gateway, as pages say it.')

const issuer = z.strictObject({
  name: text('Name used by doors, CLI and API', {
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    expected: 'an issuer name (up to 64 letters, digits, dots, underscores or hyphens, the first a letter or digit)',
  }),
  certificate: pemFile('PEM file of the issuing CA: exactly one certificate'),
  chain: z
    .array(pemFile('One PEM file'))
    .default([])
    .describe('PEM files of the CAs above it, nearest first, up to the root'),
  crls: crlsFile,
  ocsp: ocspFile,
})

const revocation = z
  .strictObject({
    maxStalenessSeconds: whole([1, 2_592_000], 300, 'Age of the revocation data beyond which the door denies'),
    whenStale: z.literal('deny').default('deny').describe('What the door does then'),
    insecureServeWhenStale: flag(false, 'Go on admitting with stale data; not together with `whenStale`'),
    pollMs: whole(
      [10, 60_000],
      250,
      'How often the store is asked for changes; Redis tells of them itself, and is asked all the same, to know that it is there',
    ),
    reconcileSeconds: whole(
      [5, 86_400],
      300,
      'How often everything known here is compared with Redis, in the background',
    ),
    connectedCheckMs: whole(
      [200, 60_000],
      1_000,
      'How often Redis is asked about the certificates that are connected, for what was put into its sets by hand',
    ),
    snapshotSeconds: whole(
      [5, 3_600],
      60,
      'How often what came from Redis is written to `stateFolder` as a whole, so that a gateway starts without Redis',
    ),
    backdatedSeconds: whole(
      [0, 604_800],
      0,
      'How long before their issue your CA lets certificates begin to be valid; when a login ID is revoked, those never seen are covered up to so long before, so that one issued right afterwards is not refused',
    ),
  })
  .describe('How revocations are followed, and how fresh they must be.')

const assertion = z
  .strictObject({
    audience: text('`aud` of the assertion'),
    lifetimeSeconds: whole([5, 60], 60, '`exp` minus `iat`'),
    keyRotationHours: whole(
      [1, 8_760],
      24,
      'How often a new signing key is made; the old one stays in the JWKS while assertions of it live',
    ),
  })
  .describe('Sign a JWT for the application (ES256); left out: no assertion')

const identity = z
  .strictObject({
    assertion: assertion.optional(),
    sealCookies: z
      .array(text('One cookie name', { pattern: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, expected: 'a cookie name' }))
      .default([])
      .describe('Cookies of the application bound to login method and login ID'),
    // The shape of the key is checked after `file:` and ${ENV} are resolved, so an editor does not object to those.
    sealingKey: text(
      'Key of the sealed cookies, the same on every gateway; left out: made once and kept in the store',
      {
        expected: `32 bytes as base64, given as \${NAME} or file:PATH`,
        secret: true,
      },
    ).optional(),
    renewalDueDays: whole([0, 3_650], 40, 'Days before expiry from which `Sekisho-Renewal-Due` is 1'),
  })
  .describe('What the application is told about who is logged in.')

const http = z
  .strictObject({
    extraMethods: z
      .array(
        text('One method', {
          pattern: /^[A-Z][A-Z-]{0,31}$/,
          expected: 'a method name in capital letters, other than CONNECT, PRI and TRACE',
        }),
      )
      .default([])
      .describe('Methods beside the usual ones that are let through'),
    hstsSeconds: whole([0, 63_072_000], 0, '`max-age` of Strict-Transport-Security; 0 sends none'),
    trustedForwarders: addressRanges()
      .default([])
      .describe('Addresses whose `X-Forwarded-*` and `Forwarded` fields are kept'),
    http2: flag(true, 'Whether HTTP/2 is offered to clients, beside HTTP/1.1'),
    encodedSlashes: z
      .enum(['refuse', 'keep'])
      .default('refuse')
      .describe(
        'What is done with paths that have `%2F` or `%5C` in them; `refuse` answers 400, `keep` passes plain ones that every reading sends along the same route',
      ),
    dotSegments: z
      .enum(['refuse', 'keep'])
      .default('refuse')
      .describe(
        'What is done with paths that have `.` or `..` as a segment, in any spelling; `refuse` answers 400, `keep` passes plain ones that every reading sends along the same route',
      ),
    webSocketOrigins: z
      .array(text('One origin', { expected: 'an origin such as https://www.bank.example, without path' }))
      .default([])
      .describe('Origins whose pages may open WebSockets, beside the door’s own'),
  })
  .describe('What the doors accept and add in HTTP.')

/** Most data workers of one gateway. */
export const workersMax = 256

/**
 * The shape of the one configuration file, as it is written. `loadConfig` turns it into a `GatewayConfig`.
 * Every object is strict: an unknown key is refused with its path. The texts are compared with `config/README.md`
 * by a test; `scripts/export-config-docs.ts` writes them there.
 */
export const configFile = z.strictObject({
  institution,
  stateFolder: text('Folder for the embedded store, snapshots and logs; each gateway has its own', {
    expected: 'the path of a folder',
  }).default('data'),
  gatewayName: text('Name of this gateway in lists of gateways; left out: host name and state folder', {
    pattern: /^\S(.{0,126}\S)?$/,
    expected: 'a text of at most 128 characters, without spaces around it',
  }).optional(),
  timeZone: text('Time zone of days and dates on pages and in mails', {
    expected: 'a time zone name such as Asia/Tokyo',
  }).default('Asia/Tokyo'),
  issuers: z.array(issuer).min(1).describe('The CAs whose client certificates are known here.'),
  doors: doorsFile,
  upstreams: upstreamsFile,
  routes: routesFile,
  store: storeFile,
  directory: z
    .enum(['embedded', 'none'])
    .default('embedded')
    .describe(
      'Where contracts and users are known; embedded: in the store; none: the application knows its users itself',
    ),
  certificates: z
    .strictObject({
      mustBeRegistered: flag(
        true,
        'Whether a certificate must have been issued or recorded here; without a directory nothing can be, so it is then false',
      ),
      rsaBitsMin: whole([2_048, 16_384], 2_048, 'Smallest RSA key of a client certificate'),
      recordSeen: flag(
        true,
        'Whether certificates made elsewhere are recorded for their login ID when they are first seen at a door, so that they are listed and revoked with it; only where they need not be registered',
      ),
      supersedeSeen: flag(
        true,
        'Whether the first use of such a certificate supersedes those of the login ID that began before it (R20)',
      ),
    })
    .describe('What a client certificate must be.')
    .prefault({}),
  issuing: issuingFile,
  publication: publicationFile,
  crlFetch: crlFetchFile.prefault({}),
  passwords: passwordsFile.prefault({}),
  portal: portalFile.prefault({}),
  notices: noticesFile.prefault({}),
  revocation: revocation.prefault({}),
  identity: identity.prefault({}),
  http: http.prefault({}),
  accessLog: z
    .strictObject({
      file: text('File to append to; left out: no access log. `-` is standard output', {
        expected: 'the path of a file, or -',
      }).optional(),
      queryStrings: flag(false, 'Whether query strings are written'),
    })
    .describe('One line a request.')
    .prefault({}),
  auditLog: z
    .strictObject({
      file: text('File under the state folder', {
        expected: 'the path of a file under the state folder, relative to it',
      }).default('audit.log'),
    })
    .describe('Who did what, when and why; hash-chained.')
    .prefault({}),
  tracing: tracingFile.prefault({}),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Least severe messages of the program’s own log that are written'),
  workers: wholeOrLeftOut(
    [1, workersMax],
    'Threads that serve the doors; left out: one for each core this process may use',
  ),
  limits: limitsFile.prefault({}),
})

/** The file after defaults, before files are read and relations checked. */
export type ConfigFile = z.infer<typeof configFile>
export type { Listen, LoginIdSource } from './doors-file.ts'
export type { Limits } from './limits-file.ts'
