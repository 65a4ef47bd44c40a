import { fillAll } from '../../portal/portal-words.ts'
import { textsJa } from '../../portal/texts-ja.ts'
import { relativeTime } from '../relative-time.ts'
import { counted, printable } from '../text-table.ts'
import { type Fate, fateOf, isDenial } from './fate.ts'
import { type FoundRequest, isProven, subjectOf } from './find-request.ts'
import { hintOf } from './hints.ts'
import type { AuditLine } from './search-logs.ts'

export type DescribeOptions = {
  /** Unit: milliseconds since the epoch. */
  readonly nowMs: number
  /** As the user's page names the institution. */
  readonly names: { readonly name: string; readonly self: string }
  /** Of the configuration; undefined: it is not known. */
  readonly timeZone: string | undefined
  /** What was not asked, and why. */
  readonly notes: readonly string[]
}

type Line = readonly [name: string, value: string]

/** Methods that change nothing (RFC 9110 9.2.1). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
const nameWidth = 12

/** The whole story for people. */
export function describeRequest(found: FoundRequest, options: DescribeOptions): string {
  const { access, audit, refusal } = found
  const outcome = access?.outcome ?? refusal?.reason ?? loginRefusal(audit)?.reason
  const fate = outcome === undefined ? undefined : fateOf({ outcome, status: access?.status })
  const lines = [
    ...requestLines(found, options),
    ...(fate === undefined ? [] : fateLines(found, fate, options)),
    ...auditLines('Audit', audit),
    ...auditLines('Related', found.related),
    ...found.searched
      .filter(({ fault }) => fault !== undefined)
      .map(({ file, fault }): Line => ['Not read', `${file}: ${fault}`]),
  ]
  return `Request ${found.requestId}\n\n${lines.map(lineText).join('')}`
}

/** What is said where nothing was found: where it was looked, and why that may be. */
export function describeNothing({ requestId, searched }: FoundRequest, { notes }: DescribeOptions): string {
  const looked = searched.map(
    ({ file, lines, since, fault }) =>
      `  ${file}: ${counted(lines, 'line')}${since === undefined ? '' : `, from ${since} on`}${fault === undefined ? '' : `; ${fault}`}\n`,
  )
  const reasons = [
    'another gateway served it: each has logs of its own (sekisho gateways), so look there',
    'the logs of that day have been moved away: give them with --access-log FILE and --audit FILE',
    'the access log was off (accessLog.file), and the request was neither refused nor an act that is audited',
    'it was written down within the last second: the access log is written in pieces',
    'a letter was misheard: there is 0 and o, 1 and l, in an id',
  ]
  const where = [...looked, ...notes.map((note) => `  ${note}\n`)].map(printableLine).join('')
  return `Nothing is known of the request ${requestId}.\n\nIt was looked for in\n${where || '  nothing: no log is known\n'}\nThat may be because\n${reasons.map((reason) => `  - ${reason}\n`).join('')}`
}

function requestLines(found: FoundRequest, { nowMs, timeZone }: DescribeOptions): Line[] {
  const { access, refusal, audit } = found
  const { loginId, serial, until } = subjectOf(found)
  const took = access?.durationMs === undefined ? '' : `; it took ${access.durationMs} ms`
  const address = access?.clientAddress ?? refusal?.address ?? loginRefusal(audit)?.actor.name
  const door = access?.door ?? refusal?.door ?? loginRefusal(audit)?.detail?.door
  const asked = access?.method ? `${access.method} ${access.host}${access.target}` : undefined
  const lines: (Line | undefined)[] = [
    until === undefined
      ? undefined
      : ['Ended', `${until}${localTime(until, timeZone)} (${relativeTime(Date.parse(until), nowMs)})${took}`],
    asked === undefined ? undefined : ['Asked for', asked],
    door === undefined ? undefined : ['Door', String(door)],
    ['Who', `${whoText(loginId, found)}${address === undefined ? '' : `, from ${address}`}`],
    serial === undefined ? undefined : ['Certificate', `serial ${serial}`],
    access?.traceId === undefined ? undefined : ['Trace', access.traceId],
  ]
  return lines.filter((line) => line !== undefined)
}

/** A certificate that nobody trusted vouches for nobody: whoever calls with its name may be somebody else. */
function whoText(loginId: string | undefined, found: FoundRequest): string {
  if (loginId === undefined) return 'nobody that is known'
  return isProven(found) ? loginId : `nobody proven (the certificate itself says ${loginId})`
}

/** As users tell it on the telephone. */
function localTime(iso: string, timeZone: string | undefined): string {
  if (timeZone === undefined || timeZone === 'UTC') return ''
  const options = { timeZone, dateStyle: 'short', timeStyle: 'medium' } as const
  // Sweden writes dates as ISO 8601 does.
  return `, ${new Intl.DateTimeFormat('sv-SE', options).format(new Date(iso))} in ${timeZone}`
}

function fateLines(found: FoundRequest, fate: Fate, options: DescribeOptions): Line[] {
  const { access, audit } = found
  const { loginId, serial } = subjectOf(found)
  const hint = hintOf(fate, {
    ...(loginId === undefined ? {} : { loginId }),
    ...(serial === undefined ? {} : { serial }),
  })
  const explanation = loginRefusal(audit)?.detail?.explanation
  const shown = fate.shown && fillAll(fate.shown, options.names)
  const said = access?.loginResult
  return [
    ['Outcome', fate.headline],
    ...(explanation === undefined ? [] : [['Because', String(explanation)] as const]),
    ...(access?.status === undefined ? [] : [['Status', statusText(access.status, access.bytesSent)] as const]),
    ...routeLines(found, fate),
    ...(said === undefined ? [] : [['App says', `login ${said}`] as const]),
    ['Effect', effectOf(found, fate)],
    ...(shown === undefined
      ? []
      : [['User saw', `“${shown.title}”${japaneseTitle(fate)} ${shown.happened.join(' ')}`] as const]),
    ...(shown?.steps ?? []).map((step, at): Line => [at === 0 ? 'User does' : '', `${at + 1}. ${step}`]),
    ...(hint === undefined ? [] : [['You do', hint] as const]),
  ]
}

/** Most users had the page in Japanese. */
function japaneseTitle({ outcome }: Fate): string {
  return isDenial(outcome) ? ` （${textsJa.denial[outcome].title}）` : ''
}

function statusText(status: number, bytes: number | undefined): string {
  if (status === 0) return 'none: no answer had begun'
  return `${status}, ${counted(bytes ?? 0, 'byte')} of body`
}

function routeLines({ access }: FoundRequest, { kind }: Fate): Line[] {
  const { route, upstreamMs } = access ?? {}
  if (route === undefined || route === 'refused' || route === 'own') return []
  const answered = upstreamMs === undefined ? 'it had not begun to answer' : `it began to answer after ${upstreamMs} ms`
  return [[kind === 'failed' ? 'Went to' : 'Upstream', `${route}; ${answered}`]]
}

/** What came of it, as far as the gateway can know. */
function effectOf({ access, audit }: FoundRequest, { kind }: Fate): string {
  const { route, status, method = '', upstreamMs } = access ?? {}
  if (audit.some(({ event }) => event === 'upload_outcome_unknown')) {
    return 'nobody knows whether it took effect: it had been sent to the application, which had not answered. Look there'
  }
  if (kind === 'refused') return 'none: the application did not see it'
  if (kind === 'own') return 'the application did not see it'
  if (kind === 'answered') return 'the application has done what it answered'
  const reached = upstreamMs !== undefined || (route !== undefined && route !== 'refused' && route !== 'own')
  if (!reached) return 'none: the application did not see it'
  if (safeMethods.has(method)) return 'none that matters: it asks, and changes nothing'
  if (status !== 0 && kind !== 'failed')
    return 'the application had begun its answer; the client may not have all of it'
  return 'the application may have seen it, and done it: look there'
}

function auditLines(name: string, records: readonly AuditLine[]): Line[] {
  return records.map((record, at) => [at === 0 ? name : '', auditText(record)])
}

function auditText({ seq, time, event, actor, target, reason, detail = {} }: AuditLine): string {
  const about = target === undefined ? '' : ` of ${target.kind} ${target.name}`
  const why = reason === undefined ? '' : `, ${reason}`
  const comment = typeof detail.comment === 'string' && detail.comment !== '' ? ` “${detail.comment}”` : ''
  return `${time} ${event}${about} by ${actor?.kind} ${actor?.name}${why}${comment} (record ${seq})`
}

function loginRefusal(audit: readonly AuditLine[]): AuditLine | undefined {
  return audit.find(({ event }) => event === 'login_refused')
}

function lineText([name, value]: Line): string {
  return `${name.padEnd(nameWidth)} ${printable(value)}\n`
}

function printableLine(line: string): string {
  return `${printable(line.trimEnd())}\n`
}
