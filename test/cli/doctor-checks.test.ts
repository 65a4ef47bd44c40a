// Goal: each check of program, certificates and issuing says ok where it is, warn or bad where it is not, and then what to do. Method: a table of checks,
// each looked at as it should be and as it should not be.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { certificateChecks, doorChecks } from '../../src/cli/doctor/certificate-checks.ts'
import type { ReadFile } from '../../src/cli/doctor/examined.ts'
import { bad, type Check, type Finding, ok } from '../../src/cli/doctor/finding.ts'
import { issuingChecks } from '../../src/cli/doctor/issuing-checks.ts'
import {
  isSuitable,
  offeredGroups,
  offeredVersions,
  type Program,
  programChecks,
} from '../../src/cli/doctor/program-checks.ts'
import { findingsText, runChecks } from '../../src/cli/doctor/run-checks.ts'
import type { GatewayConfig } from '../../src/config/gateway-config.ts'
import { neededCommands } from '../../src/store/redis/examine-server.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { all, checkRows, config, dayMs, examinedOf, files, folder, nowMs, type Row } from './doctor-setting.ts'
import { root } from './with-cli.ts'

const ca = createTestCa({ commonName: 'own-ca' })
const fileOf = (path: string, content: string): ReadFile => ({ path, content, mode: 0o600, owner: 0, secret: false })
const certificateOf = (options: Parameters<typeof ca.issueServer>[0]) => ca.issueServer(options).certificatePem

const issuing = {
  issuer: 'test-issuing-ca',
  signer: { kind: 'file', keyPem: files.issuingCa.keyPem, keyPassword: undefined },
} as unknown as NonNullable<GatewayConfig['issuing']>
const otherKey = { ...issuing, signer: { ...issuing.signer, keyPem: ca.keyPem } } as typeof issuing
const brokenKey = { ...issuing, signer: { ...issuing.signer, keyPem: 'no key' } } as typeof issuing
const token = (tool: string, module: string) =>
  ({ ...issuing, signer: { kind: 'pkcs11', tool, module, tokenLabel: 'hsm-1' } }) as unknown as typeof issuing
/** For localhost and 127.0.0.1; it says where the certificate of its CA can be had, as those of public CAs do. */
const withAia = `-----BEGIN CERTIFICATE-----\n${[
  'MIIB5jCCAYygAwIBAgIUKrVNruIHyfZ3B+h/3p3EoJ2kq+UwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2',
  'MTEyNzA3NDU0NFoXDTM2MTEyNDA3NDU0NFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE',
  'LD9V1wiMkMjfAGkcxnieIInrR4VruPbuS6tur6cgwqB0K/nNPc0b7fqzbKbTU3gamoCddWwMUUJsdEzLtesipqOBuzCBuDAdBgNV',
  'HQ4EFgQUY02HD+uzTn7m8RzlLrkHklFjHZ0wHwYDVR0jBBgwFoAUY02HD+uzTn7m8RzlLrkHklFjHZ0wDwYDVR0TAQH/BAUwAwEB',
  '/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwNAYIKwYBBQUHAQEEKDAmMCQGCCsGAQUFBzAChhhodHRwOi8vY2EuZXhhbXBs',
  'ZS9jYS5jZXIwEwYDVR0lBAwwCgYIKwYBBQUHAwEwCgYIKoZIzj0EAwIDSAAwRQIgOVtsxrfH/Bty0Ac174z2bR+fg26tOMtQCosB',
  'ditiDqoCIQD++mHqtYzu4Qo2Ls6GxqWr/5B+ZMl+r93a+NpQ1CmUPw==',
].join('')}\n-----END CERTIFICATE-----\n`
const served = (certificatePem: string) => () =>
  all(
    doorChecks({
      ...config,
      doors: {
        ...config.doors,
        certificate: config.doors.certificate.map((door) => ({
          ...door,
          hostNames: ['localhost'],
          serverCertificates: [{ certificatePem, keyPem: '' }],
        })),
      } as never,
    }),
  )
/** A pkcs11-tool that lists one token, and refuses a call that names a PIN. */
function toolOf(label: string): string {
  const path = join(folder, `tool-${label}`)
  const words = `case "$*" in *pin*|*login*) exit 1;; esac\nprintf 'Slot 0 (0x1): s\\n  token label        : ${label}\\n'\n`
  writeFileSync(path, `#!/bin/sh\n${words}`, { mode: 0o755 })
  return path
}
const program: Program = { node: '26.10.0', openssl: '3.5.8', fips: false, createContext: () => undefined }
const without = (text: string) => ({
  ...program,
  createContext: (options: object) => {
    if (JSON.stringify(options).includes(text)) throw new Error('no such thing')
  },
})
const programOf = (changes: Partial<Program>) => () => all(programChecks({ ...program, ...changes }))
const issuingOf = (one: typeof issuing) => () => all(issuingChecks(examinedOf({ config: { issuing: one } })))
const certificate = (pem: string) => () => all(certificateChecks([fileOf('/etc/c.pem', pem)], nowMs))

const rows: readonly Row[] = [
  { subject: /^Node$/, look: programOf({}), level: 'ok', detail: /26\.10\.0/ },
  {
    subject: /^Node$/,
    look: programOf({ node: '22.1.0' }),
    level: 'bad',
    detail: /not one/,
    fix: /Install Node 24\.17/,
  },
  { subject: /^OpenSSL$/, look: programOf({ fips: true }), level: 'ok', detail: /FIPS mode is on/ },
  { subject: /^OpenSSL$/, look: programOf({ openssl: '1.1.1' }), level: 'bad', detail: /too old/, fix: /nodejs\.org/ },
  { subject: /^TLSv1\.3$/, look: programOf({}), level: 'ok', detail: /available/ },
  {
    subject: /^TLSv1\.2$/,
    look: programOf(without('"maxVersion":"TLSv1.2"')),
    level: 'bad',
    detail: /not available/,
    fix: /OPENSSL_CONF/,
  },
  { subject: /^Group X25519MLKEM768$/, look: programOf({}), level: 'ok', detail: /available/ },
  {
    subject: /^Group X25519MLKEM768$/,
    look: programOf(without('MLKEM')),
    level: 'bad',
    detail: /no such thing/,
    fix: /OpenSSL 3\.5/,
  },
  {
    subject: /c\.pem \(CN=/,
    look: certificate(certificateOf({ names: ['a.example'] })),
    level: 'ok',
    detail: /valid for 36[45] days/,
  },
  {
    subject: /c\.pem/,
    look: certificate(certificateOf({ notAfterMs: nowMs + 3 * dayMs })),
    level: 'warn',
    detail: /valid for [23] days/,
    fix: /Renew it/,
  },
  {
    subject: /c\.pem/,
    look: certificate(certificateOf({ notAfterMs: nowMs - dayMs })),
    level: 'bad',
    detail: /expired at/,
    fix: /Renew it/,
  },
  {
    subject: /c\.pem/,
    look: certificate(certificateOf({ notBeforeMs: nowMs + dayMs })),
    level: 'bad',
    detail: /not valid before/,
    fix: /clock/,
  },
  {
    subject: /c\.pem/,
    look: certificate(certificateOf({ keyKind: 'rsa1024' })),
    level: 'bad',
    detail: /RSA key of 1024 bits/,
    fix: /P-256/,
  },
  { subject: /\(CA CN=/, look: certificate(ca.certificatePem), level: 'ok', detail: /valid for/ },
  {
    subject: /\(CA CN=/,
    look: certificate(createTestCa({ commonName: 'old', notAfterMs: nowMs + 60 * dayMs }).certificatePem),
    level: 'warn',
    detail: /valid for (59|60) days/,
    fix: /Ask the CA/,
  },
  {
    subject: /c\.pem$/,
    look: certificate(`${certificateOf({})}${createTestCa({ commonName: 'another' }).certificatePem}`),
    level: 'bad',
    detail: /certificate 2 in it did not issue/,
    fix: /cat server\.pem/,
  },
  {
    subject: /^Door certificate$/,
    look: () => all(doorChecks(config)),
    level: 'ok',
    detail: /covering localhost, 127\.0\.0\.1/,
  },
  {
    subject: /^Door certificate$/,
    look: () =>
      all(
        doorChecks({
          ...config,
          doors: {
            ...config.doors,
            certificate: config.doors.certificate.map((door) => ({ ...door, hostNames: ['bank.example'] })),
          },
        }),
      ),
    level: 'bad',
    detail: /covers bank\.example/,
    fix: /subjectAltName/,
  },
  {
    subject: /^Door certificate$/,
    look: served(withAia),
    level: 'warn',
    detail: /without the CA that issued it \(CN=localhost\)/,
    fix: /append its certificate/,
  },
  {
    subject: /^Door certificate$/,
    look: served(`${withAia}${ca.certificatePem}`),
    level: 'ok',
    detail: /1 server certificate/,
  },
  { subject: /^Issuing key of test-issuing-ca/, look: issuingOf(issuing), level: 'ok', detail: /opens and belongs/ },
  {
    subject: /^Issuing key/,
    look: issuingOf(otherKey),
    level: 'bad',
    detail: /another certificate/,
    fix: /issuing\.signer\.key/,
  },
  { subject: /^Issuing key/, look: issuingOf(brokenKey), level: 'bad', detail: /does not open/, fix: /password/ },
  { subject: /^pkcs11-tool$/, look: issuingOf(token('env', '/usr/bin/env')), level: 'ok', detail: /\/usr\/bin\/env/ },
  {
    subject: /^pkcs11-tool$/,
    look: issuingOf(token('no-such-tool', '/x')),
    level: 'bad',
    detail: /not in PATH/,
    fix: /apt-get install opensc/,
  },
  {
    subject: /^Token library$/,
    look: issuingOf(token('env', '/usr/bin/env')),
    level: 'ok',
    detail: /\/usr\/bin\/env/,
  },
  {
    subject: /^Token hsm-1$/,
    look: issuingOf(token(toolOf('hsm-1'), '/usr/bin/env')),
    level: 'ok',
    detail: /PIN is not tried/,
  },
  {
    subject: /^Token hsm-1$/,
    look: issuingOf(token(toolOf('hsm-2'), '/usr/bin/env')),
    level: 'bad',
    detail: /not there; what is: hsm-2/,
    fix: /--list-token-slots; then connect/,
  },
  {
    subject: /^Token hsm-1$/,
    look: issuingOf(token('env', '/usr/bin/env')),
    level: 'bad',
    detail: /cannot be asked: .*option/,
    fix: /See what it lists/,
  },
  {
    subject: /^Token library$/,
    look: issuingOf(token('env', '/no/lib.so')),
    level: 'bad',
    detail: /cannot be read/,
    fix: /PKCS #11/,
  },
]

t.test('each check: as it should be, as it should not be, and what to do then', (t) => checkRows(t, rows))

t.test('a check that hangs or throws is a bad finding and holds nobody up; the order is fixed', async (t) => {
  const hanging = (signal: AbortSignal) =>
    new Promise<Finding[]>((_, reject) => signal.addEventListener('abort', () => reject(new Error('late'))))
  const checks: Check[] = [
    { group: 'Mail', subject: 'mail', run: () => [ok('mail', 'fine')] },
    { group: 'Store', subject: 'slow', run: hanging },
    {
      group: 'Store',
      subject: 'broken',
      run: () => {
        throw new Error('oops')
      },
    },
    { group: 'Program', subject: 'quick', run: () => [bad('quick', 'so\u001b[2Jso', 'mend it')] },
  ]
  const found = await runChecks(checks, { timeoutMs: 50 })
  t.match(found, [
    { group: 'Program', findings: [{ subject: 'quick' }] },
    {
      group: 'Store',
      findings: [
        { subject: 'slow', level: 'bad', detail: 'it has not answered within 0.05 s', fix: /--timeout/ },
        { subject: 'broken', level: 'bad', detail: 'it could not be looked at: oops', fix: String },
      ],
    },
    { group: 'Mail', findings: [{ level: 'ok' }] },
  ])
  const text = findingsText(found)
  t.match(text, /^Program\n {2}bad {3}quick: so\?\[2Jso\n {8}-> mend it\n\nStore\n/)
  t.match(text, /\n1 ok, 0 warnings, 3 bad\. What is bad/)
})

t.test(
  'what is written down twice is the same: TLS of the doors, Node of the package, the ACL of the store',
  async (t) => {
    const read = (path: string) => readFileSync(join(root, path), 'utf8')
    const doors = read('src/data-path/door-context.ts')
    t.match(doors, `const groups = '${offeredGroups.join(':')}'`)
    t.match(doors, `minVersion: '${offeredVersions[0]}'`)
    t.equal(JSON.parse(read('package.json')).engines.node, '>=24.17 <25 || >=26.3.1')
    const versions: [string, boolean][] = [
      ['24.16.9', false],
      ['24.17.0', true],
      ['25.9.0', false],
      ['26.3.0', false],
      ['26.3.1', true],
      ['26.10.0', true],
      ['28.0.0', true],
    ]
    for (const [version, suits] of versions) t.equal(isSuitable(version), suits, version)
    const [acl = ''] = /ACL SETUSER sekisho-gateway .*~\{sekisho\}:\*.*/.exec(read('src/store/redis/README.md')) ?? []
    const ofConnections = [
      'evalsha',
      'eval',
      'time',
      'info',
      'role',
      'wait',
      'select',
      'client|setname',
      'cluster|slots',
      'xinfo|stream',
    ]
    const documented = acl
      .split(' ')
      .filter((word) => /^\+[a-z]/.test(word))
      .map((word) => word.slice(1))
    t.strictSame(documented.filter((word) => !ofConnections.includes(word)).toSorted(), neededCommands.toSorted())
  },
)
