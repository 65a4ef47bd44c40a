import { createHash } from 'node:crypto'
import { GatewayError } from '../../base/errors.ts'
import type { LifecyclePorts } from '../../lifecycle/ports.ts'
import type { PortalAnswer, PortalCall, PortalRoute } from '../portal-call.ts'
import { faultAnswer, textAnswer } from './est-answer.ts'

/** How a run of the enrolment script ended. */
export const enrolOutcomes = [
  'installed',
  'failed',
  'no_connection',
  'no_key',
  'not_allowed',
  'not_installed',
  'not_trusted',
  'not_windows',
  'refused',
  'wrong_user',
] as const

/** What the script has reported, for the page from which it was started. */
export type EnrolReport = {
  readonly outcome: (typeof enrolOutcomes)[number]
  /** HTTP status of the answer to the enrolment; 0: there was none. */
  readonly status: number
  /** Unit: milliseconds since the epoch. */
  readonly atMs: number
}

type ReportPorts = Pick<LifecyclePorts, 'audit' | 'nowMs' | 'portal'> & {
  readonly store: Pick<LifecyclePorts['store'], 'countNote' | 'forgetNote' | 'keepNote' | 'readNote'>
}

const bodyBytesMax = 1_024
/** Runs of one script that may report. */
const reportsMax = 20

/** The part of a one-time code by which the report is known: it comes from the code, and the code cannot be had from it. */
export function enrolReportId(code: string): string {
  return createHash('sha256').update(`enrol-report\n${code.toUpperCase()}`).digest('base64url').slice(0, 22)
}

/**
 * Expects a report of the script that holds this code, for as long as the code counts, and forgets what an earlier one of the login ID
 * has reported. Throws GatewayError `store_unavailable`.
 */
export async function openEnrolReport(
  { loginId, code }: { readonly loginId: string; readonly code: string },
  ports: ReportPorts,
): Promise<void> {
  await ports.store.forgetNote(reportName(loginId))
  await ports.store.keepNote(openName(enrolReportId(code)), loginId, lifeMs(ports))
}

/** What the newest script of the login ID has reported; undefined: nothing (yet). Throws GatewayError `store_unavailable`. */
export async function readEnrolReport(loginId: string, ports: ReportPorts): Promise<EnrolReport | undefined> {
  const note = await ports.store.readNote(reportName(loginId))
  return note === undefined ? undefined : (JSON.parse(note) as EnrolReport)
}

/** `POST /.sekisho/enrol-report`: the script tells how it ended. It proves nothing and changes nothing but what the page shows. */
export function enrolReportRoute<Services extends { readonly lifecycle: LifecyclePorts }>(): PortalRoute<Services> {
  return {
    method: 'POST',
    path: '/.sekisho/enrol-report',
    door: 'public',
    programs: true,
    handle: async (call, { lifecycle }) => {
      try {
        return await takeReport(call, lifecycle)
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        return faultAnswer(error, call)
      }
    },
  }
}

async function takeReport(call: PortalCall, ports: ReportPorts): Promise<PortalAnswer> {
  const report = readReport(await call.body())
  if (report === undefined) return textAnswer(400, 'Cannot read the report as JSON with code, outcome and status', call)
  const { id, outcome, status } = report
  const loginId = await ports.store.readNote(openName(id))
  if (loginId === undefined)
    return textAnswer(404, 'Cannot take the report as no script is waited for by that name', call)
  if ((await ports.store.countNote(`enrol-reports:${id}`, lifeMs(ports))) > reportsMax) {
    throw new GatewayError('login_throttled', `Cannot take more than ${reportsMax} reports of one script`)
  }
  const kept: EnrolReport = { outcome, status, atMs: ports.nowMs() }
  await ports.store.keepNote(reportName(loginId), JSON.stringify(kept), lifeMs(ports))
  ports.audit({
    event: 'enrolment_reported',
    actor: { kind: 'unauthenticated', name: call.clientAddress },
    target: { kind: 'login_id', name: loginId },
    reason: outcome,
    requestId: call.requestId,
    detail: { status },
  })
  return { status: 204, contentType: 'text/plain', body: '' }
}

function readReport(body: Uint8Array) {
  if (body.length > bodyBytesMax) return undefined
  let value: { readonly code?: unknown; readonly outcome?: unknown; readonly status?: unknown } | null
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { code: id, status } = value
  const outcome = enrolOutcomes.find((known) => known === value.outcome)
  if (typeof id !== 'string' || !/^[\w-]{22}$/.test(id) || outcome === undefined) return undefined
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 0 || status > 999) return undefined
  return { id, outcome, status }
}

function openName(id: string): string {
  return `enrol-script:${id}`
}

function reportName(loginId: string): string {
  return `enrol-report:${loginId}`
}

function lifeMs(ports: ReportPorts): number {
  const portal = ports.portal()
  if (portal === undefined) throw new GatewayError('issuing_disabled', 'Cannot take reports as there are no pages')
  return portal.codeLifeSeconds * 1_000
}
