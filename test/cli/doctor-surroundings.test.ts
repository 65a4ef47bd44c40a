// Goal: each check of the machine and the state folder says ok where it is, warn or bad where it is not, and then what to do. Method: a table of checks,
// with folders of a test's own and a machine that says what the test wants.
import { chmodSync, chownSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { filesWanted, machineChecks } from '../../src/cli/doctor/machine-checks.ts'
import { portChecks } from '../../src/cli/doctor/port-checks.ts'
import { stateChecks } from '../../src/cli/doctor/state-checks.ts'
import { findHolder } from '../../src/cli/doctor/state-holder.ts'
import { filesOfOthers } from '../../src/cli/doctor/write-rights.ts'
import type { GatewayConfig } from '../../src/config/gateway-config.ts'
import {
  all,
  type Changes,
  checkRows,
  config,
  dayMs,
  examinedOf,
  folder,
  holder,
  machineOf,
  nowMs,
  type Row,
  stateFolder,
} from './doctor-setting.ts'

/** Somebody listens on 127.0.0.1:443. */
const listening = {
  '/proc/net/tcp':
    '  sl  local_address rem_address   st\n   0: 0100007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8377345 1 0 100 0 0 10 0\n',
}
const heldBy = (who: { processId: number; name: string }) => (inode: string) => (inode === '8377345' ? who : undefined)
const state =
  (changes: Changes = {}) =>
  () =>
    all(stateChecks(examinedOf(changes)))
const machine = (texts: Record<string, string | undefined>, more: Changes = {}) => {
  return () => all(machineChecks(examinedOf({ machine: machineOf(texts), ...more })))
}
const ports =
  (changes: Changes = {}) =>
  () =>
    all(portChecks(examinedOf(changes)))
/** A copy of the audit log with a record changed. */
function auditFolder(name: string, content: string, mode = 0o700): string {
  const place = join(folder, name)
  mkdirSync(place, { mode })
  chmodSync(place, mode)
  writeFileSync(join(place, 'audit.log'), content)
  return place
}
const unlimited = { stateFolder: join(folder, 'long') }
const openFolder = auditFolder('open', '', 0o755)
const brokenFolder = auditFolder('broken', '{"seq":1,"hash":"0"}\n{"seq":2}\n')
auditFolder('long', '{"seq":1}\n'.repeat(100_000))
const mixedFolder = auditFolder('mixed', '')
const isRoot = statSync(folder).uid === 0
if (isRoot) chownSync(join(mixedFolder, 'audit.log'), 12_345, 12_345)
function snapshotFolder(name: string, ageMs: number): string {
  const place = auditFolder(name, '')
  mkdirSync(join(place, 'trust'))
  writeFileSync(join(place, 'trust', 'snapshot-3.bin'), '')
  utimesSync(join(place, 'trust', 'snapshot-3.bin'), new Date(nowMs), new Date(nowMs - ageMs))
  return place
}
const shared = { kind: 'redis' } as unknown as GatewayConfig['store']
const fresh = snapshotFolder('fresh', 30_000)
const late = snapshotFolder('late', dayMs)

/** Only root can give a file away; which files are others' is asked below by everybody. */
const rowsOfRoot: readonly Row[] = !isRoot
  ? []
  : [
      {
        subject: /mixed$/,
        look: state({ config: { stateFolder: mixedFolder } }),
        level: 'bad',
        detail: /belong to another user than the folder: audit\.log$/,
        fix: /^chown -R \d+ /,
      },
    ]
const rows: readonly Row[] = [
  { subject: /state$/, look: state(), level: 'ok', detail: /mode 0700/ },
  {
    subject: /new$/,
    look: state({ config: { stateFolder: join(folder, 'new') } }),
    level: 'ok',
    detail: /not there yet/,
  },
  {
    subject: /open$/,
    look: state({ config: { stateFolder: openFolder } }),
    level: 'bad',
    detail: /others.*0755/,
    fix: /^chmod 700 /,
  },
  {
    subject: /state$/,
    look: state({ machine: machineOf({}, { userId: () => 12_345 }) }),
    level: 'warn',
    detail: /this is user 12345/,
    fix: /sudo -u sekisho/,
  },
  {
    subject: /cannot$/,
    look: state({ config: { stateFolder: join(stateFolder, 'lock.db', 'cannot') } }),
    level: 'bad',
    detail: /not there, and this user may not make it/,
    fix: /^install -d -m 700/,
  },
  ...rowsOfRoot,
  {
    subject: /^Access log .*access\.log$/,
    look: state({ config: { accessLog: { ...config.accessLog, file: join(folder, 'access.log') } } }),
    level: 'ok',
    detail: /it can be made/,
  },
  {
    subject: /^Access log .*access\.log$/,
    look: state({ config: { accessLog: { ...config.accessLog, file: join(folder, 'no', 'access.log') } } }),
    level: 'bad',
    detail: /does not start/,
    fix: /install -d -m 750.*ReadWritePaths/,
  },
  {
    subject: /long\/audit\.log$/,
    look: state({ timeoutMs: 0, config: unlimited }),
    level: 'warn',
    detail: /too long \(1 MiB\) to prove here/,
    fix: /sekisho audit verify/,
  },
  {
    subject: /long\/audit\.log$/,
    look: state({ config: unlimited }),
    level: 'bad',
    detail: /chain is broken/,
    fix: /incident/,
  },
  { subject: /^Space$/, look: state(), level: 'ok', detail: /MiB free/ },
  { subject: /^Lock$/, look: state(), level: 'ok', detail: /free, no gateway/ },
  { subject: /^Lock$/, look: state({ holder }), level: 'ok', detail: /process 4711/ },
  { subject: /state\/audit\.log$/, look: state(), level: 'ok', detail: /no audit record/ },
  {
    subject: /broken\/audit\.log$/,
    look: state({ config: { stateFolder: brokenFolder } }),
    level: 'bad',
    detail: /chain is broken/,
    fix: /sekisho audit verify/,
  },
  {
    subject: /^Snapshot$/,
    look: state({ holder, config: { stateFolder: fresh, store: shared } }),
    level: 'ok',
    detail: /written 30 seconds ago/,
  },
  {
    subject: /^Snapshot$/,
    look: state({ holder, config: { stateFolder: late, store: shared } }),
    level: 'bad',
    detail: /1 day ago/,
    fix: /sekisho status/,
  },
  {
    subject: /^Snapshot$/,
    look: state({ holder, config: { store: shared } }),
    level: 'warn',
    detail: /none yet, although/,
    fix: /can be written/,
  },
  { subject: /^Open files$/, look: machine({}), level: 'ok', detail: /1048576 for this shell/ },
  { subject: /^Open files$/, look: machine({}, { holder }), level: 'ok', detail: /for the gateway/ },
  {
    subject: /^Open files$/,
    look: machine({
      '/proc/self/limits': 'Max open files            1024                 30000                files\n',
    }),
    level: 'warn',
    detail: new RegExp(`30000.*add up to ${filesWanted(config)}`),
    fix: new RegExp(`LimitNOFILE=${filesWanted(config)}`),
  },
  {
    subject: /^Open files$/,
    look: machine({
      '/proc/self/limits': 'Max open files            1024                 1024                 files\n',
    }),
    level: 'bad',
    detail: /1024/,
    fix: /LimitNOFILE/,
  },
  { subject: /somaxconn/, look: machine({}), level: 'ok', detail: /4096/ },
  {
    subject: /somaxconn/,
    look: machine({ '/proc/sys/net/core/somaxconn': '64' }),
    level: 'bad',
    detail: /64/,
    fix: /sysctl -w/,
  },
  { subject: /^Clock$/, look: machine({}), level: 'ok', detail: /timesyncd/ },
  {
    subject: /^Clock$/,
    look: machine({ '/run/systemd/timesync/synchronized': undefined }),
    level: 'warn',
    detail: /does not say/,
    fix: /chrony/,
  },
  { subject: /^Door certificate 127\.0\.0\.1:443$/, look: ports(), level: 'ok', detail: /free/ },
  {
    subject: /127\.0\.0\.1:443$/,
    look: ports({ machine: machineOf({ '/proc/self/status': 'CapEff:\t0\n' }, { userId: () => 1_000 }) }),
    level: 'warn',
    detail: /below 1024/,
    fix: /CAP_NET_BIND_SERVICE/,
  },
  {
    subject: /127\.0\.0\.1:443$/,
    look: ports({ holder, machine: machineOf(listening) }),
    level: 'ok',
    detail: /the gateway listens/,
  },
  {
    subject: /127\.0\.0\.1:443$/,
    look: ports({ machine: machineOf(listening, { socketHolder: heldBy({ processId: 77, name: 'nginx' }) }) }),
    level: 'bad',
    detail: /taken by process 77 \(nginx\)/,
    fix: /^End it/,
  },
  {
    subject: /127\.0\.0\.1:443$/,
    look: ports({ machine: machineOf(listening, { socketHolder: heldBy({ processId: 1, name: 'systemd' }) }) }),
    level: 'ok',
    detail: /systemd holds it/,
  },
  {
    subject: /127\.0\.0\.1:443$/,
    look: ports({ machine: machineOf(listening) }),
    level: 'warn',
    detail: /somebody listens/,
    fix: /ss -ltnp/,
  },
  {
    subject: /127\.0\.0\.1:9443$/,
    look: ports({ holder, machine: machineOf(listening) }),
    level: 'bad',
    detail: /nobody listens/,
    fix: /restart/,
  },
  {
    subject: /192\.0\.2\.7:443$/,
    look: ports({
      config: {
        doors: {
          ...config.doors,
          certificate: [{ ...config.doors.certificate[0], listen: [{ host: '192.0.2.7', port: 443 }] } as never],
        },
      },
    }),
    level: 'bad',
    detail: /not one of this machine/,
    fix: /ip address add 192\.0\.2\.7/,
  },
]

t.test('each check: as it should be, as it should not be, and what to do then', (t) => checkRows(t, rows))

t.test('who holds the state folder: by the kernel’s table, else by lock.pid of a process that lives', async (t) => {
  const inode = statSync(join(stateFolder, 'lock.db')).ino
  const of = (texts: Record<string, string>, isAlive = false) => {
    return findHolder(stateFolder, machineOf(texts, { isAlive: () => isAlive }))
  }
  const noted = { [join(stateFolder, 'lock.pid')]: '77\n' }
  const lock = (file: number) => `1: POSIX  ADVISORY  WRITE 4711 fd:01:${file} 1073741824 1073742335\n`
  t.strictSame(of({ '/proc/locks': lock(inode), ...noted }), holder)
  t.equal(
    of({ '/proc/locks': lock(inode + 1), ...noted }, true),
    undefined,
    'somebody else’s lock; the note is of the last run',
  )
  t.strictSame(of({ '/proc/locks': '', ...noted }, true), { processId: 77, proven: false })
  t.equal(of({ '/proc/locks': '', ...noted }, false), undefined)
  t.equal(findHolder(join(folder, 'nowhere'), machineOf()), undefined)
})

t.test('files of others are those that another owner has', async (t) => {
  const place = t.testdir({ 'audit.log': '', trust: { 'snapshot-1.bin': '' } })
  const { uid } = statSync(place)
  t.strictSame(filesOfOthers(place, uid), [])
  t.strictSame([...filesOfOthers(place, uid + 1)].sort(), ['audit.log', 'trust'])
})
