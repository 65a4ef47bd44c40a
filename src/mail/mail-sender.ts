import type { NoticesConfig } from '../config/gateway-config.ts'
import type { Mail, MailResult } from '../control-path/outbox-port.ts'
import { noteHistory } from '../lifecycle/history.ts'
import { inParallel } from '../lifecycle/in-parallel.ts'
import { type NoticeBody, readBody } from '../lifecycle/notice-body.ts'
import { bouncedMark, bounceNote, withdrawnMark } from '../lifecycle/notice-desk.ts'
import type { CertificateKey, LifecyclePorts, User } from '../lifecycle/ports.ts'
import type { MailOutcome, MailOutlet } from './mail-outlet.ts'
import type { WrittenMail } from './write-mail.ts'

/** What became of a mail: `failed` is tried again, all others are the end of it. */
export type MailEnd = 'sent' | 'failed' | 'bounced' | 'dead' | 'withdrawn'

/** What sending mails reaches out for. */
export type MailSenderPorts = {
  readonly store: Pick<
    LifecyclePorts['store'],
    | 'addHistory'
    | 'certificatesOf'
    | 'forgetNote'
    | 'history'
    | 'keepNote'
    | 'leaseMails'
    | 'mailCounts'
    | 'readNote'
    | 'settleMail'
    | 'user'
  >
  /** As configured now; undefined: mails stay where they are. */
  outlet(): MailOutlet | undefined
  /** As configured now. */
  notices(): Pick<NoticesConfig, 'from' | 'replyTo' | 'attemptsMax' | 'retryMinutes' | 'retryMinutesMax' | 'keepDays'>
  write(body: NoticeBody, nowMs: number): WrittenMail
  readonly audit: LifecyclePorts['audit']
  readonly log: LifecyclePorts['log']
  readonly metrics: { mailEnded(end: MailEnd): void; mailsKept(state: 'waiting' | 'dead', count: number): void }
  nowMs(): number
  /** Resolves after so many milliseconds, or when the signal aborts. */
  pause(durationMs: number, signal: AbortSignal): Promise<void>
}

/** How often the outbox is looked into while there is nothing to send. Unit: milliseconds. */
const pollMs = 5_000
/** First and longest pause while the mail server or the store cannot be used; it doubles in between. Unit: milliseconds. */
const troubleMs = 5_000
const troubleMsMax = 300_000
/** How much longer than an attempt may take a mail is leased. Unit: milliseconds. */
const leaseMarginMs = 60_000
const minuteMs = 60_000
const dayMs = 86_400_000

/**
 * Sends what is due in the outbox, a few mails at a time; any number of gateways do so beside each other, and each mail is leased to one
 * (R10). A mail that could not be sent is tried again later, at growing intervals, and is given up after `attemptsMax`, or at once where
 * its address or it is refused for good. While the server cannot be used at all, only a few are tried. Before each mail it is looked
 * again whether it is still true, and where its user is to be reached now.
 */
export class MailSender {
  readonly #ports: MailSenderPorts
  readonly #stop = new AbortController()
  /** What became of mails and could not be told to the store yet: they are not sent again here. */
  readonly #untold = new Map<string, MailResult>()
  #wake = new AbortController()
  #troubles = 0
  #running: Promise<void> | undefined

  constructor(ports: MailSenderPorts) {
    this.#ports = ports
  }

  /** Begins; it goes on until `close`. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** There is something new in the outbox. */
  wake(): void {
    if (this.#troubles === 0) this.#wake.abort()
  }

  /** One look into the outbox; how many mails it was about. Never rejects. */
  async sendDue(): Promise<number> {
    const outlet = this.#ports.outlet()
    if (outlet === undefined) return 0
    try {
      await this.#tellStore()
      const { nowMs, store } = this.#ports
      const mails = await store.leaseMails(nowMs(), outlet.attemptMsMax + leaseMarginMs, outlet.width)
      const trouble = await inParallel(mails, (mail) => this.#send(mail, outlet), { width: outlet.width })
      await this.#count()
      this.#troubles = trouble.includes(true) ? this.#troubles + 1 : 0
      return mails.length
    } catch (error) {
      this.#troubles += 1
      this.#ports.log.warn('Cannot send mails as the store is away; they are tried again', { cause: String(error) })
      return 0
    }
  }

  /** Begins nothing more and waits for what is under way; what the store does not know yet it is told once more. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#wake.abort()
    await this.#running
    await this.#tellStore().catch((error) => {
      const mails = this.#untold.size
      this.#ports.log.error('Cannot tell the store of mails that were sent; they may go out twice', {
        mails,
        cause: String(error),
      })
    })
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // Before the look, so that what is added during it is not waited for.
      this.#wake = new AbortController()
      const sent = await this.sendDue()
      if (this.#stop.signal.aborted) return
      if (sent > 0 && this.#troubles === 0) continue
      const signal = AbortSignal.any([this.#stop.signal, this.#wake.signal])
      await this.#ports.pause(this.#troubles === 0 ? pollMs : troublePauseMs(this.#troubles), signal)
    }
  }

  /** Whether the server could not be used. */
  async #send(mail: Mail, outlet: MailOutlet): Promise<boolean> {
    if (this.#untold.has(mail.id)) return false
    const body = readBody(mail.body)
    if (body === undefined) {
      await this.#end(mail, 'dead', 'its text is unknown to this program')
      return false
    }
    const { user, withdrawn } = await this.#recheck(mail, body)
    const to = user?.email ?? ''
    if (withdrawn !== undefined || to === '') {
      await this.#end(mail, 'withdrawn', withdrawn ?? 'the user has no mail address any more')
      return false
    }
    const { from, replyTo } = this.#ports.notices()
    const dateMs = this.#ports.nowMs()
    const outgoing = { id: mail.id, from, replyTo, to, dateMs, ...this.#ports.write(body, dateMs) }
    const outcome = await outlet.send(outgoing)
    await this.#takeOutcome(mail, outcome, to)
    return outcome.kind === 'server'
  }

  async #takeOutcome(mail: Mail, outcome: MailOutcome, to: string): Promise<void> {
    const { store, notices } = this.#ports
    switch (outcome.kind) {
      case 'sent':
        await this.#end(mail, 'sent', '')
        // A failure here leaves a mark that the next mail takes away.
        if ((await store.readNote(bounceNote(mail.loginId)).catch(() => undefined)) !== undefined) {
          await store.forgetNote(bounceNote(mail.loginId)).catch(() => undefined)
        }
        return
      case 'address':
        // First: once the mail has ended nobody comes back to it.
        await store.keepNote(bounceNote(mail.loginId), to, notices().keepDays * dayMs)
        await noteHistory(
          `login:${mail.loginId}`,
          { what: 'mail_bounced', who: '', requestId: '', detail: { address: to, error: outcome.error } },
          this.#ports,
        )
        await this.#end(mail, 'bounced', outcome.error)
        return
      case 'mail':
        await this.#end(mail, 'dead', outcome.error)
        return
      default:
        await this.#end(mail, mail.attempts >= notices().attemptsMax ? 'dead' : 'failed', outcome.error)
    }
  }

  /** The user as known now; `withdrawn`: why the mail is not true any more. */
  async #recheck(mail: Mail, body: NoticeBody): Promise<{ user: User | undefined; withdrawn?: string }> {
    const { store } = this.#ports
    const user = await store.user(mail.loginId)
    if (user === undefined) return { user, withdrawn: 'there is no such user any more' }
    if (body.kind !== 'expiry') return { user }
    if (user.state !== 'active') return { user, withdrawn: 'the user is suspended' }
    const certificates = await store.certificatesOf(body.loginId, Math.min(this.#ports.nowMs(), body.notAfterMs))
    const certificate = certificates.find(({ key }) => key === (body.key as CertificateKey))
    if (certificate === undefined) return { user, withdrawn: 'the certificate is not known any more' }
    if (certificate.revoked) return { user, withdrawn: 'the certificate was revoked' }
    return certificate.state === 'superseded' ? { user, withdrawn: 'a newer certificate is in use' } : { user }
  }

  async #end(mail: Mail, end: MailEnd, error: string): Promise<void> {
    const atMs = this.#ports.nowMs()
    this.#ports.metrics.mailEnded(end)
    this.#untold.set(mail.id, this.#resultOf(mail, { end, error, atMs }))
    const { id, loginId, attempts } = mail
    if (end === 'failed') this.#ports.log.warn('Could not send a mail; it is tried again', { id, attempts, error })
    if (end === 'dead' || end === 'bounced') {
      this.#ports.log.error('Gave up a mail', { id, loginId, attempts, error })
      this.#ports.audit({
        event: 'mail_failed',
        actor: { kind: 'gateway', name: 'gateway' },
        target: { kind: 'login_id', name: loginId },
        reason: end === 'bounced' ? 'address_refused' : 'given_up',
        detail: { mail: id, attempts, error },
      })
    }
    await this.#tellStore()
  }

  #resultOf({ attempts }: Mail, { end, error, atMs }: { end: MailEnd; error: string; atMs: number }): MailResult {
    switch (end) {
      case 'sent':
        return { state: 'sent', atMs }
      case 'failed': {
        const { retryMinutes, retryMinutesMax } = this.#ports.notices()
        const minutes = Math.min(retryMinutes * 2 ** Math.min(attempts - 1, 30), retryMinutesMax)
        return { state: 'waiting', dueMs: atMs + minutes * minuteMs, error, atMs }
      }
      default: {
        const mark = end === 'bounced' ? bouncedMark : end === 'withdrawn' ? withdrawnMark : ''
        return { state: 'dead', error: `${mark}${error}`, atMs }
      }
    }
  }

  async #tellStore(): Promise<void> {
    for (const [id, result] of [...this.#untold]) {
      await this.#ports.store.settleMail(id, result)
      this.#untold.delete(id)
    }
  }

  async #count(): Promise<void> {
    const { waiting, dead } = await this.#ports.store.mailCounts()
    this.#ports.metrics.mailsKept('waiting', waiting)
    this.#ports.metrics.mailsKept('dead', dead)
  }
}

function troublePauseMs(troubles: number): number {
  return Math.min(troubleMs * 2 ** Math.min(troubles - 1, 10), troubleMsMax)
}
