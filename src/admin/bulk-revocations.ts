import { GatewayError } from '../base/errors.ts'
import type { Actor, LifecyclePorts } from '../lifecycle/ports.ts'
import {
  type BulkOptions,
  type BulkProgress,
  type BulkResult,
  type BulkTotals,
  revokeBulk,
} from '../lifecycle/revoke-bulk.ts'
import { type AdminCall, type AdminServices, actorOf } from './admin-call.ts'
import { BodyLines } from './body-lines.ts'
import { readBulkItems } from './bulk-items.ts'
import { type Problem, problemOf } from './problem.ts'
import { readQuery } from './request-body.ts'
import { bulkQuery } from './request-schemas.ts'
import { StreamedAnswer } from './send-answer.ts'
import { type Confirmed, type WaitRequest, waitForGateways } from './wait-for-gateways.ts'

/** Most entries in one request. */
const entriesMax = 20_000_000

/** Last object of the answer of `POST /v1/revocations/bulk`; those before are `BulkProgress`. Missing fields are not known. */
export type BulkEnd =
  | (BulkTotals &
      Confirmed & {
        readonly done: true
        readonly dryRun: boolean
        readonly version: number
        readonly replicas?: number
      })
  | (Partial<BulkTotals> & {
      /** What was told to be done stays done. */
      readonly done: false
      readonly problem: Problem
      /** The entry that ended the work, if it was one. */
      readonly rejected?: BulkProgress['rejected']
    })

type Push = BulkOptions & WaitRequest

/**
 * `POST /v1/revocations/bulk`: one entry a line (application/x-ndjson), of any number up to 20 million, each line up to 64 KiB.
 * After each batch comes a `BulkProgress`, at the end a `BulkEnd`.
 */
export async function postBulkRevocations(call: AdminCall, { lifecycle }: AdminServices): Promise<unknown> {
  const query = readQuery(call.query, bulkQuery)
  const type = (call.request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-ndjson') {
    throw new GatewayError(
      'admin_request_invalid',
      'Cannot read the body: Content-Type must be application/x-ndjson, one entry a line',
    )
  }
  const lines = new BodyLines(call.request, { ...call.patience, linesMax: entriesMax })
  const told: { last?: BulkTotals } = {}
  const items = push(lines, { ...query, dryRun: query.dryRun === 'true', wait: query.wait === 'true' })
  return new StreamedAnswer(items, (problem): BulkEnd => ({ ...told.last, done: false, problem }))

  async function* push(lines: BodyLines, options: Push): AsyncGenerator<BulkProgress | BulkEnd, void> {
    const result = yield* remember(
      revokeBulk(readBulkItems(lines), options, { actor: actorOf(call), ports: lifecycle }),
    )
    yield await endOf(result, { options, actor: actorOf(call), ports: lifecycle })
  }

  async function* remember(
    progress: AsyncGenerator<BulkProgress, BulkResult>,
  ): AsyncGenerator<BulkProgress, BulkResult> {
    for (;;) {
      const next = await progress.next()
      if (next.done === true) return next.value
      const { rejected: _, ...totals } = next.value
      told.last = totals
      yield next.value
    }
  }
}

async function endOf(
  { stoppedBy, version, replicas, ...totals }: BulkResult,
  { options, actor, ports }: { options: Push; actor: Actor; ports: LifecyclePorts },
): Promise<BulkEnd> {
  if (stoppedBy === undefined) {
    const wait = options.wait && !options.dryRun
    const confirmed = await waitForGateways(version, { ...options, wait }, ports)
    const known = replicas === undefined ? {} : { replicas }
    return { done: true, dryRun: options.dryRun, ...totals, version, ...known, ...confirmed }
  }
  const { line, field, problem } = stoppedBy
  const path = field === '' ? `line ${line}` : `line ${line}: ${field}`
  const fault = new GatewayError('admin_request_invalid', `Cannot use line ${line}: ${problem}`, { path })
  return { ...totals, done: false, problem: problemOf(fault, actor.requestId), rejected: [stoppedBy] }
}
