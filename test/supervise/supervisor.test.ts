// Goal: the supervisor keeps one gateway process in charge, whatever becomes of the others, and no audit record is lost between
// two. Method: real processes that play gateway processes and write down what they are told.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { ListeningSockets } from '../../src/supervise/listening-sockets.ts'
import type { ServiceKeeper } from '../../src/supervise/service-keeper.ts'
import { bindSocket } from '../../src/supervise/socket-handle.ts'
import { Supervisor } from '../../src/supervise/supervisor.ts'
import { eventually } from '../helpers/eventually.ts'
import type { Plan } from './played-gateway.ts'

function setUp(t: Test, plans: readonly Plan[], options: { sockets?: ListeningSockets } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-supervisor-'))
  for (const folder of ['src', 'config']) mkdirSync(join(root, folder))
  for (const name of ['openssl.cnf', 'openssl-resumption.cnf']) writeFileSync(join(root, 'config', name), '')
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(join(root, 'plans.json'), JSON.stringify(plans))
  writeFileSync(join(root, 'diary'), '')
  copyFileSync(join(import.meta.dirname, 'played-gateway.ts'), join(root, 'src', 'run-gateway.ts'))
  const logged: { message: string; pid: number }[] = []
  const log = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    void logged.push({ message, pid: Number(fields.gatewayPid) })
  const steps: string[] = []
  const heard: string[] = []
  const hear = (word: string) => (status: string) => void heard.push(`${word}: ${status.replace(/\d+/, 'N')}`)
  const serviceManager: ServiceKeeper = {
    ready: hear('ready'),
    reloading: hear('reloading'),
    stopping: hear('stopping'),
    status: hear('status'),
    alive: () => void heard.push('alive'),
  }
  const supervisor = new Supervisor({
    command: { root, arguments: ['serve', 'FILE'], env: process.env, nodeFlags: [] },
    sockets: options.sockets ?? new ListeningSockets(),
    clock: systemClock,
    log: { info: log, warn: log, error: log },
    serviceManager,
    beforeDoors: async () => void steps.push('before doors'),
  })
  t.teardown(async () => {
    await supervisor.stop()
    rmSync(root, { recursive: true })
  })
  const diary = () => readFileSync(join(root, 'diary'), 'utf8').split('\n').filter(Boolean)
  return {
    supervisor,
    steps,
    heard,
    diary,
    messages: () => logged.map(({ message }) => message),
    /** The process that was put in charge last, or serves on. */
    inCharge: () => logged.findLast(({ message }) => /in charge|starting beside/.test(message))?.pid ?? 0,
    /** The process that was in charge before. */
    retiring: () => logged.find(({ message }) => message.includes('starting beside'))?.pid ?? 0,
    written: (line: string) => eventually(diary, (lines) => lines.includes(line)),
  }
}

t.test('a process is started, prepares itself, opens, and ends when told', async (t) => {
  const { supervisor, diary, steps } = setUp(t, [])
  t.equal(await supervisor.start(), true)
  t.strictSame(diary(), ['1 starts serve FILE', '1 open'])
  t.strictSame(steps, ['before doors'])
  supervisor.reload()
  await supervisor.stop()
  t.strictSame(diary().slice(2), ['1 reload', '1 stop'])
})

t.test('one that wants other flags is started again with them', async (t) => {
  const { supervisor, diary } = setUp(t, [{ start: 'want_resumption' }])
  await supervisor.start()
  t.strictSame(
    diary().filter((line) => line !== '1 stop'),
    ['1 starts serve FILE', '2 starts serve FILE', '2 open'],
  )
})

for (const plan of [{ start: 'exit' }, { open: 'exit' }] as const) {
  t.test(`a first process that fails (${Object.keys(plan)}) makes the start fail`, async (t) => {
    const { supervisor, diary } = setUp(t, [plan])
    await t.rejects(supervisor.start(), { name: 'StartFailure' })
    t.equal(diary().filter((line) => line.includes('starts')).length, 1, 'and is not tried again')
  })
}

t.test('a socket of the service manager that no door wants makes the start fail', async (t) => {
  const handle = bindSocket({ host: '127.0.0.1', port: 0 })
  const { supervisor, diary } = setUp(t, [], { sockets: new ListeningSockets([handle.fd]) })
  await t.rejects(supervisor.start(), { code: 'config_invalid', message: /127\.0\.0\.1 port \d+ .*no door listens/ })
  t.notOk(diary().includes('1 open'))
})

t.test('an end that is asked for during the start is no failure', async (t) => {
  const { supervisor, written } = setUp(t, [{ start: 'wait' }])
  const started = supervisor.start()
  await written('1 starts serve FILE')
  await supervisor.drain()
  t.equal(await started, false)
})

t.test('rolling restart: released before the next one opens, drained after; no audit record is lost', async (t) => {
  const { supervisor, diary, written, inCharge } = setUp(t, [{ lastWords: ['first', 'second'] }])
  await supervisor.start()
  await supervisor.restart()
  await written('1 drain {"successor":true}')
  await written('2 audit {"records":["first","second"],"dropped":0}')
  t.strictSame(
    diary().filter((line) => !/audit|drain/.test(line)),
    ['1 starts serve FILE', '1 open', '2 starts serve FILE --beside', '1 release', '2 open'],
  )
  process.kill(inCharge(), 'SIGHUP')
  await written('2 retiring_answered {"parts":["1 heard who is there?"]}')
  t.pass('who is in charge can ask those that drain')
})

t.test('rolling restart: a next one that does not get ready changes nothing', async (t) => {
  const { supervisor, diary, messages } = setUp(t, [{}, { start: 'exit' }])
  await supervisor.start()
  await supervisor.restart()
  t.strictSame(diary(), ['1 starts serve FILE', '1 open', '2 starts serve FILE --beside'])
  t.match(messages().at(-1), /failed: the old gateway process goes on/)
})

t.test('rolling restart: an old one that cannot let go stays in charge', async (t) => {
  const { supervisor, diary, written } = setUp(t, [{ release: 'fail' }])
  await supervisor.start()
  await supervisor.restart()
  await written('1 take_back')
  t.ok(diary().includes('2 stop'))
  t.notOk(diary().includes('2 open'))
})

t.test('rolling restart: a next one that cannot open gives everything back, audit records too', async (t) => {
  const { supervisor, diary, written } = setUp(t, [{ lastWords: ['kept'] }, { open: 'exit' }])
  await supervisor.start()
  await supervisor.restart()
  await written('1 audit {"records":["kept"],"dropped":0}')
  t.ok(diary().indexOf('1 take_back') < diary().indexOf('1 audit {"records":["kept"],"dropped":0}'))
  await supervisor.restart()
  await written('3 open')
  t.pass('the next attempt succeeds')
})

t.test('rolling restart: an old one that crashes on the way is succeeded all the same', async (t) => {
  const { supervisor, written, diary } = setUp(t, [{ release: 'exit' }])
  await supervisor.start()
  await supervisor.restart()
  await written('2 open')
  t.equal(diary().filter((line) => line.includes('starts')).length, 2)
})

t.test('rolling restart: one that is asked for meanwhile follows', async (t) => {
  const { supervisor, written } = setUp(t, [])
  await supervisor.start()
  await Promise.all([supervisor.restart(), supervisor.restart()])
  await written('3 open')
  t.pass('a third process is in charge')
})

t.test('a process that crashes is started again; both of two that fail in a row', async (t) => {
  const { supervisor, written, inCharge, diary } = setUp(t, [{}, {}, { start: 'exit' }])
  await supervisor.start()
  await supervisor.restart()
  process.kill(inCharge(), 'SIGUSR2')
  await written('4 open')
  t.notOk(diary().includes('3 open'))
})

t.test('a drain waits for the word of the gateway process, and lets the retiring ones end first', async (t) => {
  const { supervisor, written, inCharge, retiring, diary } = setUp(t, [])
  await supervisor.start()
  await supervisor.restart()
  await written('1 drain {"successor":true}')
  const done = supervisor.drain()
  await written('2 drain {"successor":false}')
  process.kill(inCharge(), 'SIGUSR1')
  process.kill(inCharge(), 'SIGHUP')
  await written('2 retiring_answered {"parts":["1 heard who is there?"]}')
  t.notOk(diary().includes('2 stop'), 'the first one may still send audit records')
  process.kill(retiring(), 'SIGUSR1')
  await done
  t.ok(diary().indexOf('1 stop') < diary().indexOf('2 stop'))
})

const starting = 'status: Starting a gateway process'
const open = 'ready: Doors are open, gateway process N'

t.test('the service manager is told when doors are open, of reloads, of the end', async (t) => {
  const { supervisor, heard } = setUp(t, [])
  const started = supervisor.start()
  t.strictSame(heard, [starting])
  await started
  t.strictSame(heard.splice(0), [starting, open])
  supervisor.reload()
  await eventually(
    () => heard,
    ({ length }) => length === 2,
  )
  t.strictSame(heard.splice(0), [
    'reloading: Reading the configuration again',
    `${open}; the last reload by signal: applied`,
  ])
  await supervisor.stop()
  t.strictSame(heard, ['stopping: Stopping'])
})

t.test('the service manager is not told of doors that do not open', async (t) => {
  const { supervisor, heard } = setUp(t, [{ open: 'exit' }])
  await t.rejects(supervisor.start(), { name: 'StartFailure' })
  t.strictSame(heard, [starting])
})

t.test('a rolling restart is a reload to the service manager, whether it succeeds or not', async (t) => {
  const { supervisor, heard } = setUp(t, [{}, {}, { start: 'exit' }])
  await supervisor.start()
  heard.splice(0)
  const rolling = 'reloading: Rolling restart: a new gateway process is starting beside the old one'
  await supervisor.restart()
  t.strictSame(heard.splice(0), [rolling, open])
  await supervisor.restart()
  t.strictSame(heard, [rolling, open])
})

t.test('a crash is told, and that doors are open again', async (t) => {
  const { supervisor, heard, inCharge } = setUp(t, [])
  await supervisor.start()
  await supervisor.restart()
  heard.splice(0)
  process.kill(inCharge(), 'SIGUSR2')
  await eventually(
    () => heard,
    ({ length }) => length === 2,
  )
  t.strictSame(heard, ['status: The gateway process ended with N: another one is being started', open])
})

t.test(
  'well is a gateway process that answers; one that hangs is not, one that is being started is no hang',
  async (t) => {
    const { supervisor, inCharge, heard } = setUp(t, [{}, { hangs: true }])
    await supervisor.start()
    t.equal(await supervisor.isWell(5_000), true)
    await supervisor.restart()
    t.equal(await supervisor.isWell(50), false)
    process.kill(inCharge(), 'SIGUSR2')
    await eventually(
      () => heard,
      (words) => words.some((word) => word.includes('ended')),
    )
    t.equal(await supervisor.isWell(0), true)
  },
)
