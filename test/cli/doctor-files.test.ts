// Goal: what the doctor says of a configuration and of the files that it names: ok where it is, warn or bad where it is not, and then what to do, for the
// gateway's user also where root looks. Method: a table of readings and files.
import t from 'tap'
import { configChecks } from '../../src/cli/doctor/config-checks.ts'
import type { ReadFile } from '../../src/cli/doctor/examined.ts'
import { fileChecks } from '../../src/cli/doctor/file-checks.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { all, checkRows, config, type Row } from './doctor-setting.ts'

const ca = createTestCa({ commonName: 'own-ca' })
type FileMore = { readonly mode?: number; readonly owner?: number; readonly secret?: boolean }
const fileOf = (
  path: string,
  content: string,
  { mode = 0o600, owner = 998, secret = false }: FileMore = {},
): ReadFile => {
  return { path, content, mode, owner, secret }
}
/** As root looks at what the gateway's user has to read. */
const asRoot = { userId: 998, isThisOne: false }
const file = (one: ReadFile, user?: typeof asRoot) => () => all(fileChecks([one], user))
const reading = { source: 'gateway.yaml', config, problems: [], warnings: [], files: [] }
const problemOf = (problem: string) => () => all(configChecks({ ...reading, config: undefined, problems: [problem] }))

const rows: readonly Row[] = [
  {
    subject: /^gateway\.yaml$/,
    look: () => all(configChecks(reading)),
    level: 'ok',
    detail: /can be used; time zone Asia\/Tokyo/,
  },
  {
    subject: /^gateway\.yaml$/,
    look: () => all(configChecks({ ...reading, config: undefined, problems: ['Cannot use workers as a number'] })),
    level: 'bad',
    detail: /Cannot use workers/,
    fix: /config\/README\.md.*sekisho config check gateway\.yaml/,
  },
  {
    subject: /^gateway\.yaml$/,
    look: problemOf('Cannot use a as b: (the environment variable BANK_HOST is not set)'),
    level: 'bad',
    detail: /BANK_HOST/,
    fix: /EnvironmentFile.*BANK_HOST=… sekisho doctor/,
  },
  {
    subject: /^gateway\.yaml$/,
    look: problemOf('Cannot use a as b: (the environment variable CREDENTIALS_DIRECTORY is not set)'),
    level: 'bad',
    detail: /CREDENTIALS_DIRECTORY/,
    fix: /CREDENTIALS_DIRECTORY=\/run\/credentials\/sekisho\.service/,
  },
  {
    subject: /^gateway\.yaml$/,
    look: () => all(configChecks({ ...reading, warnings: ['The module of tracing.module, t.js, has mode 0666: x'] })),
    level: 'warn',
    detail: /tracing\.module/,
    fix: /Change the field/,
  },
  {
    subject: /^gateway\.yaml$/,
    look: () => all(configChecks({ ...reading, warnings: ['insecureX is on', 'The key file of a has mode 0644: x'] })),
    level: 'warn',
    detail: /insecureX/,
    fix: /Change the field/,
  },
  { subject: /k\.pem/, look: file(fileOf('/etc/k.pem', ca.keyPem)), level: 'ok', detail: /private key, mode 0600/ },
  {
    subject: /k\.pem/,
    look: file(fileOf('/etc/k.pem', ca.keyPem, { mode: 0o644 })),
    level: 'bad',
    detail: /everybody.*0644/,
    fix: /chmod 600 \/etc\/k\.pem/,
  },
  {
    subject: /k\.pem/,
    look: file(fileOf('/etc/k.pem', ca.keyPem, { mode: 0o640 })),
    level: 'warn',
    detail: /its group/,
    fix: /chmod 600/,
  },
  {
    subject: /sealing/,
    look: file(fileOf('/etc/sealing', 'abc', { secret: true })),
    level: 'ok',
    detail: /secret, mode 0600/,
  },
  {
    subject: /sealing/,
    look: file(fileOf('/etc/sealing', 'abc', { secret: true, mode: 0o644 })),
    level: 'bad',
    detail: /a secret that everybody/,
    fix: /chmod 600 .*make a new secret/,
  },
  { subject: /k\.pem/, look: file(fileOf('/etc/k.pem', ca.keyPem), asRoot), level: 'ok', detail: /mode 0600/ },
  {
    subject: /k\.pem/,
    look: file(fileOf('/etc/k.pem', ca.keyPem, { owner: 0 }), asRoot),
    level: 'bad',
    detail: /user \(998.*cannot read it: owner 0/,
    fix: /chown 998 \/etc\/k\.pem/,
  },
  {
    subject: /k\.pem/,
    look: file(fileOf('/etc/k.pem', ca.keyPem, { owner: 0, mode: 0o640 }), asRoot),
    level: 'warn',
    detail: /its group/,
    fix: /chmod 600/,
  },
  {
    subject: /c\.pem/,
    look: file(fileOf('/etc/c.pem', ca.certificatePem, { owner: 0 }), asRoot),
    level: 'bad',
    detail: /cannot read it/,
    fix: /chown 998/,
  },
  {
    subject: /none\.pem/,
    look: file({ path: '/etc/none.pem', fault: Object.assign(new Error('x'), { code: 'ENOENT' }) }),
    level: 'bad',
    detail: /no such file/,
    fix: /Put the file there/,
  },
  {
    subject: /mine\.pem/,
    look: file({ path: '/etc/mine.pem', fault: Object.assign(new Error('x'), { code: 'EACCES' }) }),
    level: 'bad',
    detail: /may not/,
    fix: /Let the user of the gateway read it/,
  },
]

t.test('each check: as it should be, as it should not be, and what to do then', (t) => checkRows(t, rows))
