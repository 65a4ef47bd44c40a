import { calendarDay } from '../base/calendar-day.ts'
import type { Clock } from '../base/clock.ts'
import type { Permit, PermittedUser } from '../trust/admit.ts'
import type { CertificateOpinion } from '../trust/certificate-opinion.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { pemBlocks } from '../x509/pem.ts'

const dayMs = 86_400_000
/** The lines are made anew after this long, because days left and renewal due change with time. */
const linesLifeMs = 60_000

/**
 * What the gateway tells the application about who is there, as ready header lines: `Client-Cert` and
 * `Client-Cert-Chain` (RFC 9440), and the plain `Sekisho-*` fields. Made once a connection and kept for a minute.
 */
export class IdentityLines {
  readonly #user: PermittedUser | undefined
  readonly #clock: Clock
  readonly #renewalDueDays: number
  readonly #timeZone: string
  readonly #fixed: string
  #lines = ''
  #madeAtMs = Number.NEGATIVE_INFINITY

  constructor(
    { user, loginMethod }: Pick<Permit, 'user' | 'loginMethod'>,
    options: { clock: Clock; renewalDueDays: number; timeZone: string; certificateDer: Uint8Array | undefined },
  ) {
    this.#user = user
    this.#clock = options.clock
    this.#renewalDueDays = options.renewalDueDays
    this.#timeZone = options.timeZone
    this.#fixed =
      user === undefined ? `Sekisho-Login-Method: ${loginMethod}\r\n` : fixedLines(user, options.certificateDer)
  }

  /** Header lines, each with CRLF. */
  lines(): string {
    if (this.#user === undefined) return this.#fixed
    const nowMs = this.#clock.nowMs()
    if (Math.abs(nowMs - this.#madeAtMs) < linesLifeMs) return this.#lines
    this.#madeAtMs = nowMs
    const { notAfterMs } = this.#user.opinion.certificate
    const daysLeft = Math.max(0, calendarDay(notAfterMs, this.#timeZone) - calendarDay(nowMs, this.#timeZone))
    const isDue = Math.floor((notAfterMs - nowMs) / dayMs) <= this.#renewalDueDays
    this.#lines =
      `${this.#fixed}Sekisho-Certificate-Days-Left: ${daysLeft}\r\n` + `Sekisho-Renewal-Due: ${isDue ? 1 : 0}\r\n`
    return this.#lines
  }
}

function fixedLines(user: PermittedUser, der: Uint8Array | undefined): string {
  const { opinion } = user
  let lines = `Sekisho-Login-Method: certificate\r\nSekisho-Login-Id: ${user.loginId}\r\n`
  if (user.contractId !== undefined) lines += `Sekisho-Contract-Id: ${plainValue(user.contractId)}\r\n`
  if (user.role !== undefined) lines += `Sekisho-User-Role: ${user.role}\r\n`
  return lines + certificateLines(opinion, der)
}

const linesByOpinion = new WeakMap<CertificateOpinion, string>()

/** What the certificate alone decides: made once for each certificate that is remembered, not for each connection. */
function certificateLines(opinion: CertificateOpinion, der: Uint8Array | undefined): string {
  const known = linesByOpinion.get(opinion)
  if (known !== undefined) return known
  const notAfter = new Date(opinion.certificate.notAfterMs).toISOString().replace('.000Z', 'Z')
  let lines = `Sekisho-Certificate-Serial: ${opinion.certificate.serial}\r\nSekisho-Certificate-Not-After: ${notAfter}\r\n`
  if (der !== undefined) lines += `Client-Cert: ${byteSequence(der)}\r\n`
  if (opinion.issuer !== undefined) lines += chainLine(opinion.issuer)
  linesByOpinion.set(opinion, lines)
  return lines
}

/** A directory may hold any text: what is not visible ASCII is percent-encoded, so that it cannot end a line or be read in two ways. */
function plainValue(text: string): string {
  return /^[!-~](?:[ -~]*[!-~])?$/.test(text) ? text : encodeURIComponent(text.toWellFormed())
}

const chainLines = new WeakMap<IssuingCa, string>()

/** `Client-Cert-Chain` from the configuration, never from the client: the issuing CA and those above it but for the root. */
function chainLine(issuer: IssuingCa): string {
  const known = chainLines.get(issuer)
  if (known !== undefined) return known
  const chain = [issuer.certificatePem, ...issuer.chainPems.slice(0, -1)].flatMap((pem) =>
    pemBlocks(pem, 'CERTIFICATE'),
  )
  const line = `Client-Cert-Chain: ${chain.map(byteSequence).join(', ')}\r\n`
  chainLines.set(issuer, line)
  return line
}

/** A byte sequence of structured fields (RFC 8941 3.3.5). */
function byteSequence(bytes: Uint8Array): string {
  return `:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}:`
}
