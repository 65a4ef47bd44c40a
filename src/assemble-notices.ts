import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from './base/clock.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import { ActNotices } from './lifecycle/notice-acts.ts'
import { type NoticePorts, type NoticeRunResult, runNotices } from './lifecycle/notice-run.ts'
import type { LifecyclePorts, NoticedAct } from './lifecycle/ports.ts'
import { createFolderOutlet } from './mail/folder-outlet.ts'
import type { MailOutlet } from './mail/mail-outlet.ts'
import { MailSender } from './mail/mail-sender.ts'
import { createSmtpOutlet } from './mail/smtp-outlet.ts'
import { writeMail } from './mail/write-mail.ts'
import type { MailMetrics } from './observe/mail-metrics.ts'

/** What notices and their mails are made of. */
export type NoticeOptions = {
  /** As it is in force; a reload may change it. */
  config(): GatewayConfig
  readonly store: LifecyclePorts['store']
  readonly audit: LifecyclePorts['audit']
  readonly log: LifecyclePorts['log']
  readonly metrics: MailMetrics
  readonly clock: Pick<Clock, 'nowMs'>
  /** Resolves after so many milliseconds, or when the signal aborts. Default: by the machine's timers. */
  readonly pause?: (durationMs: number, signal: AbortSignal) => Promise<void>
}

/** Notices at work. */
export type Notices = {
  /** Has the user and the contract's masters told of an act; fits `LifecyclePorts.noticeAct`. Never throws, never waits. */
  noticeAct(act: NoticedAct): void
  /** For `foreseeNotices`. */
  readonly ports: NoticePorts
  /** Writes the day's notices now, whatever the hour and whoever did it before, and has them sent. Rejects when the store is away. */
  runNow(): Promise<NoticeRunResult>
  /** Begins nothing more. Mails under way have `drainMs` to end, then they are broken off; a broken one is tried again later. */
  close(drainMs?: number): Promise<void>
}

const minuteMs = 60_000
/** How long mails under way may still take when the gateway ends. Unit: milliseconds. */
const closeDrainMs = 10_000

/**
 * Starts the daily run, the notices of acts and the sending of mails (R10). Every gateway of a store does all of it; each mail goes out
 * once. Where no mails are configured, or there is no directory, nothing goes out; a reload may change that.
 */
export function startNotices(options: NoticeOptions): Notices {
  const { store, audit, log, metrics, clock, pause = pauseByTimer } = options
  const nowMs = () => clock.nowMs()
  const { timeZone } = options.config()
  const notices = () => options.config().notices
  const outlets = new OutletInUse(options)
  const ports: NoticePorts = { store, notices, timeZone, log, nowMs }
  const sender = new MailSender({
    store,
    outlet: () => outlets.current(),
    notices,
    write(body, atMs) {
      const { institution, portal } = options.config()
      return writeMail(body, { nowMs: atMs, timeZone, institution, serviceName: portal?.serviceName })
    },
    audit,
    log,
    metrics,
    nowMs,
    pause,
  })
  const acts = new ActNotices({
    store,
    enabled: () => isDelivering(options.config()),
    log,
    added: () => sender.wake(),
    dropped: () => metrics.noticesLost(1),
    nowMs,
    pause,
  })
  const stop = new AbortController()
  const run = async (force: boolean): Promise<NoticeRunResult> => {
    const result = await runNotices(ports, { force })
    metrics.noticeRunEnded(result.state === 'done' ? 'written' : 'not_needed')
    if (result.state === 'done') {
      metrics.noticesAdded(result.added)
      sender.wake()
    }
    return result
  }
  const runDaily = async () => {
    while (!stop.signal.aborted) {
      if (isDelivering(options.config())) {
        await run(false).catch((error) => {
          metrics.noticeRunEnded('failed')
          log.error('Cannot write the notices of the day; it is tried again', { cause: String(error) })
        })
      }
      await pause(notices().checkMinutes * minuteMs, stop.signal)
    }
  }
  const daily = runDaily()
  sender.start()
  return {
    noticeAct: (act) => acts.note(act),
    ports,
    runNow: () => run(true),
    async close(drainMs = closeDrainMs) {
      stop.abort()
      await acts.close()
      const ended = new AbortController()
      const sending = sender.close().finally(() => ended.abort())
      await pause(drainMs, ended.signal)
      outlets.close(true)
      await Promise.all([daily, sending])
    },
  }
}

/** Where mails leave by the configuration in force; made anew when a reload changes it. */
class OutletInUse {
  readonly #options: NoticeOptions
  #made:
    | { readonly delivery: GatewayConfig['notices']['delivery']; readonly outlet: MailOutlet | undefined }
    | undefined

  constructor(options: NoticeOptions) {
    this.#options = options
  }

  current(): MailOutlet | undefined {
    const config = this.#options.config()
    const delivery = isDelivering(config) ? config.notices.delivery : undefined
    if (this.#made === undefined || this.#made.delivery !== delivery) {
      // What is under way on the old one may end.
      this.close(false)
      this.#made = { delivery, outlet: openOutlet(delivery) }
    }
    return this.#made.outlet
  }

  close(force: boolean): void {
    this.#made?.outlet?.close(force)
  }
}

function openOutlet(delivery: GatewayConfig['notices']['delivery']): MailOutlet | undefined {
  if (delivery === undefined) return undefined
  return delivery.kind === 'smtp' ? createSmtpOutlet(delivery) : createFolderOutlet(delivery.folder)
}

function isDelivering({ directory, notices }: GatewayConfig): boolean {
  return directory !== 'none' && notices.delivery !== undefined
}

async function pauseByTimer(durationMs: number, signal: AbortSignal): Promise<void> {
  await wait(durationMs, undefined, { signal, ref: false }).catch(() => undefined)
}
