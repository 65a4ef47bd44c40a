import { dirname, resolve } from 'node:path'
import { systemClock } from './base/clock.ts'
import { GatewayError } from './base/errors.ts'
import { startedFile } from './base/started-file.ts'
import { createLog, type LogLevel } from './observe/log.ts'
import { ListeningSockets, passedFds } from './supervise/listening-sockets.ts'
import { StartFailure, Supervisor } from './supervise/supervisor.ts'
import { openServiceKeeper } from './supervise/systemd-notifier.ts'
import { startWatchdog, watchdogPeriodMs } from './supervise/watchdog.ts'

const usage = `Usage: sekisho serve --config FILE   run a gateway
       sekisho demo                  run the demo bank (npm start)

Signals: SIGTERM, SIGINT  drain and end; the second one ends at once
         SIGHUP           read configuration, keys and certificates again
         SIGUSR2          rolling restart: a new process takes over, without a failed request
`

/** What runs until a signal ends it. */
type Running = Pick<Supervisor, 'drain' | 'stop' | 'reload' | 'restart'>

/** The program's folder by the path it was started with: a rolling restart starts what is there by then. */
function findRoot(): string {
  return dirname(dirname(startedFile(process.argv[1], import.meta.filename)))
}

function createSupervisor(
  command: readonly string[],
  options: { logLevel: LogLevel; beforeDoors?: () => Promise<void> },
): Supervisor {
  // What the service manager says to this process alone.
  const { LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES, NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, ...env } = process.env
  const log = createLog({ level: options.logLevel, fields: { process: 'supervisor' } })
  const serviceManager = openServiceKeeper({ env: { ...env, NOTIFY_SOCKET }, pid: process.pid, log })
  const supervisor = new Supervisor({
    command: { root: findRoot(), arguments: command, env, nodeFlags: process.execArgv },
    sockets: new ListeningSockets(passedFds({ LISTEN_FDS, LISTEN_PID }, process.pid)),
    clock: systemClock,
    log,
    serviceManager,
    ...(options.beforeDoors === undefined ? {} : { beforeDoors: options.beforeDoors }),
  })
  const periodMs = watchdogPeriodMs({ WATCHDOG_USEC, WATCHDOG_PID }, process.pid)
  if (periodMs !== undefined) {
    startWatchdog({ periodMs, isWell: (ms) => supervisor.isWell(ms), alive: () => serviceManager.alive() })
  }
  return supervisor
}

async function serve(file: string): Promise<void> {
  const supervisor = createSupervisor(['serve', resolve(file)], { logLevel: 'info' })
  obeySignals(supervisor, { hangUp: 'reload' })
  await supervisor.start()
}

/** The sample bank lives here, so that it goes on while the gateway is restarted behind it. */
async function demo(): Promise<void> {
  // Only here: a supervisor of `serve` has no use for it in its memory.
  const { DemoBank } = await import('./demo/start-demo.ts')
  const bank = new DemoBank({ root: findRoot(), env: process.env })
  const supervisor = createSupervisor(['demo'], { logLevel: 'warn', beforeDoors: () => bank.start() })
  const ending = (end: () => Promise<void>) => () => end().finally(() => bank.close())
  const running = {
    drain: ending(() => supervisor.drain()),
    stop: ending(() => supervisor.stop()),
    reload: () => supervisor.reload(),
    restart: () => supervisor.restart(),
  }
  // Closing its terminal ends the demo like everything else in it.
  obeySignals(running, { hangUp: process.stdin.isTTY ? 'end' : 'reload' })
  if (await supervisor.start()) process.stdout.write(bank.welcome())
}

function obeySignals(running: Running, { hangUp }: { hangUp: 'reload' | 'end' }): void {
  let draining = false
  const end = (signal: NodeJS.Signals) => {
    const ended = draining ? running.stop() : running.drain()
    draining = true
    ended.then(
      () => process.exit(0),
      (error) => fail(new Error(`Cannot end cleanly after ${signal}`, { cause: error })),
    )
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  process.on('SIGHUP', hangUp === 'end' ? end : () => running.reload())
  process.on('SIGUSR2', () => void running.restart().catch(fail))
}

function fail(error: unknown): never {
  // The gateway process has said why it did not start.
  if (error instanceof StartFailure) process.exit(1)
  const known = error instanceof GatewayError ? `${error.message}\n` : undefined
  process.stderr.write(known ?? `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}

const [command, option, file] = process.argv.slice(2)
try {
  if (command === 'serve' && option === '--config' && file !== undefined) await serve(file)
  else if (command === 'demo' && option === undefined) await demo()
  else {
    process.stderr.write(usage)
    process.exitCode = 2
  }
} catch (error) {
  fail(error)
}
