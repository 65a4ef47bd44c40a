import { spawn } from 'node:child_process'
import { noServiceKeeper, type ServiceKeeper } from './service-keeper.ts'

export type NotifierOptions = {
  /** Of this process: `NOTIFY_SOCKET` says where systemd listens. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The supervisor's process, which is and stays the main one of the service. */
  readonly pid: number
  readonly log: { warn(message: string, fields?: Readonly<Record<string, unknown>>): void }
}

/** What waits to be said; a later word takes an earlier one's place. */
type Words = { state?: 'READY=1' | 'RELOADING=1' | 'STOPPING=1'; status?: string; alive?: true }

/** Node cannot send datagrams to a Unix socket; this program of systemd's own can (systemd-notify(1)). */
const program = 'systemd-notify'
/** Longest time it may take. Unit: milliseconds. */
const sendMaxMs = 5_000

/** Speaks to systemd where it has started this process with `Type=notify` (sd_notify(3)); to nobody elsewhere. */
export function openServiceKeeper(options: NotifierOptions): ServiceKeeper {
  return options.env.NOTIFY_SOCKET === undefined ? noServiceKeeper : new SystemdNotifier(options)
}

/**
 * One program at a time, so that nothing overtakes what was said before. States: idle; sending (words are gathered meanwhile, and
 * sent together afterwards). A failure is logged once until the next success.
 */
class SystemdNotifier implements ServiceKeeper {
  readonly #options: NotifierOptions
  #words: Words = {}
  #sending = false
  #failed = false

  constructor(options: NotifierOptions) {
    this.#options = options
  }

  ready(status: string): void {
    this.#say({ state: 'READY=1', status })
  }

  reloading(status: string): void {
    this.#say({ state: 'RELOADING=1', status })
  }

  stopping(status: string): void {
    this.#say({ state: 'STOPPING=1', status })
  }

  status(status: string): void {
    this.#say({ status })
  }

  alive(): void {
    this.#say({ alive: true })
  }

  #say(words: Words): void {
    this.#words = { ...this.#words, ...words }
    if (!this.#sending) void this.#sendAll()
  }

  async #sendAll(): Promise<void> {
    this.#sending = true
    while (Object.keys(this.#words).length > 0) {
      const { state, status, alive } = this.#words
      this.#words = {}
      // A line end would begin another assignment.
      const line = status === undefined ? [] : [`STATUS=${status.replace(/\s+/g, ' ')}`]
      this.#note(await this.#send([...(state ? [state] : []), ...line, ...(alive ? ['WATCHDOG=1'] : [])]))
    }
    this.#sending = false
  }

  /** Resolves with why it failed; undefined if it did not. */
  #send(assignments: readonly string[]): Promise<string | undefined> {
    const { env, pid } = this.#options
    return new Promise((resolve) => {
      const child = spawn(program, [`--pid=${pid}`, ...assignments], { env, stdio: 'ignore', timeout: sendMaxMs })
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) => resolve(code === 0 ? undefined : `it ended with ${signal ?? code}`))
    })
  }

  #note(why: string | undefined): void {
    if (why !== undefined && !this.#failed) {
      this.#options.log.warn(`cannot tell systemd how it goes by ${program}`, { why })
    }
    this.#failed = why !== undefined
  }
}
