// Goal: systemd hears in the right order how the supervisor's process is, and nobody minds when it cannot be told.
// Method: a program of the test's own in the place of systemd-notify, which writes down what it was called with; then the real one
// and a whole gateway, with Perl, which every Debian has, at the other end of the socket.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openServiceKeeper } from '../../src/supervise/systemd-notifier.ts'
import { eventually } from '../helpers/eventually.ts'
import { superviseGateway } from '../helpers/supervised-gateway.ts'

/** With a program of this text as `systemd-notify`; `$FOLDER` in it is the test's own folder. */
function setUp(t: Test, script: string) {
  const folder = t.testdir()
  const program = join(folder, 'bin', 'systemd-notify')
  mkdirSync(join(folder, 'bin'))
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const warnings: unknown[] = []
  const env = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin`, FOLDER: folder, NOTIFY_SOCKET: join(folder, 'socket') }
  const log = { warn: (message: string, fields?: object) => void warnings.push([message, fields]) }
  const calls = () => (existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').split('\n') : [])
  return {
    folder,
    env,
    log,
    warnings,
    manager: openServiceKeeper({ env, pid: 4711, log }),
    /** What it was called with so far, once there are so many calls. */
    calls: (count: number) =>
      eventually(
        () => calls().filter(Boolean),
        ({ length }) => length >= count,
      ),
  }
}

const record = 'IFS="|"; echo "$NOTIFY_SOCKET|$*" >> "$FOLDER/calls"'

t.test('each word is a call that names the main process', async (t) => {
  const { manager, calls, folder } = setUp(t, record)
  const said = (count: number) => calls(count).then((lines) => lines.at(-1))
  manager.status('Starting')
  t.equal(await said(1), `${folder}/socket|--pid=4711|STATUS=Starting`)
  manager.ready('Doors are open\nREADY=0')
  t.equal(await said(2), `${folder}/socket|--pid=4711|READY=1|STATUS=Doors are open READY=0`)
  manager.reloading('Reading')
  t.match(await said(3), /RELOADING=1\|STATUS=Reading$/)
  manager.alive()
  t.match(await said(4), /4711\|WATCHDOG=1$/)
  manager.stopping('Draining')
  t.match(await said(5), /STOPPING=1\|STATUS=Draining$/)
})

t.test('what comes while the program runs waits, and the last word of each kind counts', async (t) => {
  const { manager, calls, folder } = setUp(t, `${record}; [ $# -gt 2 ] || read _ < "$FOLDER/gate"`)
  await once(spawn('mkfifo', [join(folder, 'gate')]), 'exit')
  manager.status('Starting')
  await calls(1)
  manager.reloading('Reading')
  manager.alive()
  manager.ready('Doors are open')
  t.equal((await calls(1)).length, 1)
  writeFileSync(join(folder, 'gate'), 'go\n')
  t.match((await calls(2)).slice(1), [/^[^|]*\|--pid=4711\|READY=1\|STATUS=Doors are open\|WATCHDOG=1$/])
})

t.test('a failure is logged once, until the next success', async (t) => {
  const { manager, calls, warnings } = setUp(t, `${record}; case "$*" in *bad*) exit 3; esac`)
  for (const [position, status] of ['bad', 'bad', 'good', 'bad', 'good'].entries()) {
    manager.status(status)
    await calls(position + 1)
  }
  manager.status('good')
  await eventually(
    () => warnings,
    ({ length }) => length === 2,
  )
  t.match(warnings[0], ['cannot tell systemd how it goes by systemd-notify', { why: 'it ended with 3' }])
})

t.test('without the program there is a warning and nothing else', async (t) => {
  const { env, log, warnings } = setUp(t, record)
  openServiceKeeper({ env: { ...env, PATH: '/nowhere' }, pid: 1, log }).ready('Doors are open')
  await eventually(
    () => warnings,
    ({ length }) => length === 1,
  )
  t.match(warnings, [[/cannot tell systemd/, { why: /ENOENT/ }]])
})

t.test('outside systemd nothing is called', async (t) => {
  const { env, log, manager, calls } = setUp(t, record)
  const { NOTIFY_SOCKET: _, ...outside } = env
  openServiceKeeper({ env: outside, pid: 1, log }).ready('Doors are open')
  manager.status('last')
  t.match(await calls(1), [/STATUS=last$/])
})

/** File descriptors that come along are closed at once: systemd-notify waits for that. */
const receiver = `
$| = 1;
socket(S, PF_UNIX, SOCK_DGRAM, 0) and bind(S, sockaddr_un($ARGV[0])) or die $!;
print "$message\\n" while defined recv(S, $message, 65536, 0);`

/** A socket of systemd's kind, and the datagrams that came. */
async function receive(t: Test) {
  // A socket's path is 107 bytes at most.
  const folder = mkdtempSync(join(tmpdir(), 'notify-'))
  const socket = join(folder, 'notify')
  const child = spawn('perl', ['-MSocket', '-e', receiver, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  t.teardown(async () => {
    child.kill()
    await once(child, 'exit')
    rmSync(folder, { recursive: true })
  })
  await eventually(() => existsSync(socket), Boolean)
  return {
    socket,
    heard: (wanted: RegExp) =>
      eventually(
        () => text,
        (heard) => wanted.test(heard),
        20_000,
      ),
  }
}

t.test('the real systemd-notify: a gateway says when it is open, reloads, restarts, is alive, ends', async (t) => {
  const { socket, heard } = await receive(t)
  const gateway = await superviseGateway({
    upstreamPort: 9,
    env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '600000' },
  })
  t.teardown(() => gateway.remove())
  await heard(new RegExp(`READY=1\\nSTATUS=Doors are open, gateway process ${gateway.gatewayPids()[0]}`))
  t.match(await heard(/MAINPID/), `MAINPID=${gateway.pid}`)
  await heard(/WATCHDOG=1/)
  gateway.signal('SIGHUP')
  await heard(/the last reload by signal: unchanged/)
  gateway.signal('SIGUSR2')
  await heard(/RELOADING=1\nSTATUS=Rolling restart[\s\S]*READY=1/)
  gateway.signal('SIGTERM')
  await heard(/STOPPING=1\nSTATUS=Draining/)
  t.equal(await gateway.ended, 0)
})
