// Goal: the unit files are right and as locked in as the README says, with every drop-in beside them.
// Method: systemd-analyze, offline; what the files name is looked up in the project.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'

const source = resolve(import.meta.dirname, '../../config/systemd')
const read = (name: string) => readFileSync(join(source, name), 'utf8')

function analyze(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  })
  return { status, stdout, stderr }
}

/** The units as they would be installed; what they start is there. Returns the file of the service. */
function install(t: Test, dropIns: readonly string[]): { readonly folder: string; readonly service: string } {
  const folder = t.testdir({})
  const program = join(folder, 'program')
  writeFileSync(program, '', { mode: 0o755 })
  const service = join(folder, 'sekisho.service')
  const place = (text: string) =>
    text.replace(/^(ExecStart=)\S+/gm, `$1${program}`).replace('file:///opt/', 'file:///usr/')
  writeFileSync(service, place(read('sekisho.service')))
  copyFileSync(join(source, 'sekisho.socket'), join(folder, 'sekisho.socket'))
  mkdirSync(`${service}.d`)
  for (const name of dropIns) writeFileSync(join(`${service}.d`, name), place(read(name)))
  return { folder, service }
}

const sets = [[], ['credentials.conf'], ['socket-activation.conf'], ['credentials.conf', 'socket-activation.conf']]

for (const dropIns of sets) {
  t.test(`systemd finds no fault in the units with ${dropIns.join(' and ') || 'no drop-in'}`, async (t) => {
    const { folder, service } = install(t, dropIns)
    t.match(analyze('verify', '--man=no', service, join(folder, 'sekisho.socket')), { status: 0, stderr: '' })
  })
}

t.test('a fault would be found', async (t) => {
  const { service } = install(t, [])
  writeFileSync(service, readFileSync(service, 'utf8').replace('ProtectHome=yes', 'ProtectHome=maybe'))
  t.match(analyze('verify', '--man=no', service), { stderr: /protect ?home.*maybe/i })
})

t.test('the README states the score of systemd-analyze security', async (t) => {
  const scoreOf = (dropIns: readonly string[]) => {
    const { stdout } = analyze('security', '--offline=true', '--no-pager', install(t, dropIns).service)
    return /Overall exposure level for sekisho\.service: ([\d.]+ \w+)/.exec(stdout)?.[1]
  }
  const stated = [...read('README.md').matchAll(/\*\*(\d\.\d) \((\w+)\)\*\*/g)].map(
    ([, score, word]) => `${score} ${word}`,
  )
  t.strictSame([scoreOf([]), scoreOf(['socket-activation.conf'])], stated)
})

t.test('what Node cannot run with is not set, and what the notifier needs is', async (t) => {
  const unit = read('sekisho.service')
  t.notMatch(unit, /^MemoryDenyWriteExecute=/m)
  t.match(unit, /^NotifyAccess=all$/m)
  t.match(unit, /^RestrictAddressFamilies=.*\bAF_UNIX\b/m)
})

t.test('credentials have the names that the example configuration uses', async (t) => {
  const example = readFileSync(resolve(source, '../full.yaml'), 'utf8')
  const wanted = [...example.matchAll(/\$\{CREDENTIALS_DIRECTORY\}\/([\w-]+)/g)].map(([, name]) => name)
  const given = [...read('credentials.conf').matchAll(/^LoadCredential=([\w-]+):/gm)].map(([, name]) => name)
  t.strictSame([...new Set(given)].sort(), [...new Set(wanted)].sort())
})

t.test('users and folders are what systemd-sysusers and systemd-tmpfiles accept', async (t) => {
  const folder = t.testdir({ etc: { passwd: 'root:x:0:0::/:/bin/sh\n', group: 'root:x:0:\n' } })
  const run = (command: string, name: string) =>
    spawnSync(
      command,
      [`--root=${folder}`, ...(command.endsWith('tmpfiles') ? ['--create'] : []), join(source, name)],
      {
        encoding: 'utf8',
      },
    )
  t.match(run('systemd-sysusers', 'sekisho.sysusers.conf'), { status: 0 })
  t.match(readFileSync(join(folder, 'etc', 'passwd'), 'utf8'), /^sekisho:.*:\/usr\/sbin\/nologin$/m)
  // Owners can be set by root only, and what is refused then is not the syntax.
  const made = run('systemd-tmpfiles', 'sekisho.tmpfiles.conf')
  if (process.getuid?.() === 0) t.match(made, { status: 0 })
  t.notMatch(made.stderr, /Unknown|Invalid|Bad/i)
  t.strictSame(readdirSync(join(folder, 'etc', 'sekisho')).sort(), ['issuers', 'secrets', 'tls'])
})

t.test('every file of the folder is told of in its README', async (t) => {
  for (const name of readdirSync(source)) {
    if (name !== 'README.md') t.match(read('README.md'), name.replace(/\.service$/, ''), name)
  }
})
