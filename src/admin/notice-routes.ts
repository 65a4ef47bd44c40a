import type { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import { bouncedAddresses, listMails, reviveMail } from '../lifecycle/notice-desk.ts'
import { foreseeNotices } from '../lifecycle/notice-run.ts'
import type { AdminCall, AdminRoute, AdminServices } from './admin-call.ts'
import { bouncedAnswer, foreseeAnswer, noticeList, reviveAnswer } from './answer-schemas.ts'
import { isoOf } from './describe-life.ts'
import { foreseeQuery, limitQuery, noticeQuery } from './life-schemas.ts'
import { operatorRoles } from './operator.ts'
import { readQuery } from './request-body.ts'
import { emptyQuery } from './request-schemas.ts'

/** Most notices in one answer; `total` says how many there are. */
const foreseenMax = 10_000

/** Mails about expiry, issue and revocation (R10). */
export const noticeRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/v1/notices',
    roles: operatorRoles,
    handle: listNotices,
    docs: { summary: 'Mails of a state, newest first', query: noticeQuery, answer: noticeList },
  },
  {
    method: 'POST',
    path: '/v1/notices/{id}/revive',
    roles: ['branch', 'security'],
    handle: postRevival,
    docs: { summary: 'Makes a mail that was given up due at once', answer: reviveAnswer },
  },
  {
    method: 'GET',
    path: '/v1/notices/foresee',
    roles: operatorRoles,
    handle: foresee,
    docs: { summary: 'What would go out on a day', query: foreseeQuery, answer: foreseeAnswer },
  },
  {
    method: 'GET',
    path: '/v1/notices/bounced',
    roles: operatorRoles,
    handle: listBounced,
    docs: { summary: 'Users whose address refuses mails', query: limitQuery, answer: bouncedAnswer },
  },
]

async function listNotices(call: AdminCall, { lifecycle }: AdminServices): Promise<z.infer<typeof noticeList>> {
  const { state, cursor, limit } = readQuery(call.query, noticeQuery)
  const { store } = lifecycle
  const after = cursor === undefined ? {} : { after: cursor }
  const [mails, counts] = await Promise.all([listMails({ state, limit, ...after }, store), store.mailCounts()])
  const last = mails.length === limit ? mails.at(-1)?.id : undefined
  return {
    notices: mails.map(({ changedMs, dueMs, ...mail }) => ({ ...mail, changed: isoOf(changedMs), due: isoOf(dueMs) })),
    counts,
    ...(last === undefined ? {} : { nextCursor: last }),
  }
}

async function postRevival(call: AdminCall, { lifecycle }: AdminServices): Promise<z.infer<typeof reviveAnswer>> {
  readQuery(call.query, emptyQuery)
  const [id = ''] = call.parameters
  if (await reviveMail(id, lifecycle.store)) return { id, revived: true }
  const shown = JSON.stringify(id.slice(0, 200))
  throw new GatewayError('admin_not_found', `Cannot find a mail that was given up: current value is ${shown}`, {
    path: 'id',
  })
}

async function foresee(call: AdminCall, { notices }: AdminServices): Promise<z.infer<typeof foreseeAnswer>> {
  const { date } = readQuery(call.query, foreseeQuery)
  const foreseen = await foreseeNotices(date, notices)
  return {
    date,
    notices: foreseen.slice(0, foreseenMax).map(({ expires, ...notice }) => ({ ...notice, expires: isoOf(expires) })),
    total: foreseen.length,
  }
}

async function listBounced(call: AdminCall, { lifecycle }: AdminServices): Promise<z.infer<typeof bouncedAnswer>> {
  const { limit } = readQuery(call.query, limitQuery)
  const found = await bouncedAddresses(limit, lifecycle.store)
  return { addresses: found.map(({ sinceMs, ...address }) => ({ ...address, since: isoOf(sinceMs) })) }
}
