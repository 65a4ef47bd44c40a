import type { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import { readUserInput } from '../lifecycle/directory-input.ts'
import { planUsers } from '../lifecycle/directory-plan.ts'
import { readHistory } from '../lifecycle/history.ts'
import { inParallel } from '../lifecycle/in-parallel.ts'
import { lockState, unlockUser } from '../lifecycle/lock.ts'
import type { User } from '../lifecycle/ports.ts'
import { checkLoginId } from '../lifecycle/revoke.ts'
import { reinstateUser, suspendUser } from '../lifecycle/suspend-user.ts'
import { listUserCertificates } from '../lifecycle/user-certificates.ts'
import { type AdminCall, type AdminRoute, type AdminServices, actorOf } from './admin-call.ts'
import {
  certificateList,
  changeAnswer,
  historyAnswer,
  suspensionAnswer,
  unlockAnswer,
  userDetail,
  userList,
} from './answer-schemas.ts'
import { describeHistory, describeKnown, describeUser, isoOf } from './describe-life.ts'
import { idQuery, limitQuery, suspensionBody, userBody } from './life-schemas.ts'
import { operatorRoles } from './operator.ts'
import { readJson, readQuery } from './request-body.ts'
import { emptyQuery } from './request-schemas.ts'
import { setRecord } from './set-record.ts'

/** Questions to the store at the same time. */
const width = 16

/** Users: who they are, what they hold, what happened to them, and keeping them out. */
export const userRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/v1/users',
    roles: operatorRoles,
    handle: listUsers,
    docs: { summary: 'Users in the order of their login IDs', query: idQuery, answer: userList },
  },
  {
    method: 'GET',
    path: '/v1/users/{loginId}',
    roles: operatorRoles,
    handle: showUser,
    docs: { summary: 'One user, and whether their passwords are locked', answer: userDetail },
  },
  {
    method: 'PUT',
    path: '/v1/users/{loginId}',
    roles: ['branch', 'security'],
    handle: putUser,
    docs: { summary: 'Adds a user or changes one', body: userBody, answer: changeAnswer },
  },
  {
    method: 'POST',
    path: '/v1/users/{loginId}/suspension',
    roles: ['branch', 'security'],
    handle: postSuspension,
    docs: { summary: 'Keeps a user out, or lets them in again', body: suspensionBody, answer: suspensionAnswer },
  },
  {
    method: 'POST',
    path: '/v1/users/{loginId}/unlock',
    roles: ['branch', 'security'],
    handle: postUnlock,
    docs: { summary: 'Ends the locks after wrong passwords', answer: unlockAnswer },
  },
  {
    method: 'GET',
    path: '/v1/users/{loginId}/history',
    roles: operatorRoles,
    handle: showHistory,
    docs: { summary: 'What happened to a user, newest first', query: limitQuery, answer: historyAnswer },
  },
  {
    method: 'GET',
    path: '/v1/users/{loginId}/certificates',
    roles: operatorRoles,
    handle: listCertificates,
    docs: { summary: 'Every certificate of a user, newest first', answer: certificateList },
  },
]

async function listUsers(call: AdminCall, { lifecycle }: AdminServices): Promise<z.infer<typeof userList>> {
  const { prefix, cursor, limit } = readQuery(call.query, idQuery)
  const { store } = lifecycle
  const ids = await store.loginIds(prefix, limit, cursor)
  const users = await inParallel(ids, (id) => store.user(id), { width })
  const last = ids.length === limit ? ids.at(-1) : undefined
  return {
    users: users.flatMap((user) => (user === undefined ? [] : [describeUser(user)])),
    ...(last === undefined ? {} : { nextCursor: last }),
  }
}

async function showUser(call: AdminCall, services: AdminServices): Promise<z.infer<typeof userDetail>> {
  readQuery(call.query, emptyQuery)
  const user = await findUser(call, services)
  const { untilMs } = await lockState(user.loginId, services.lifecycle)
  return { ...describeUser(user), ...(untilMs === undefined ? {} : { lockedUntil: isoOf(untilMs) }) }
}

async function putUser(call: AdminCall, services: AdminServices): Promise<z.infer<typeof changeAnswer>> {
  readQuery(call.query, emptyQuery)
  const { dryRun, ...fields } = await readJson(call.request, userBody)
  const input = readUserInput({ ...fields, loginId: call.parameters[0] })
  return await setRecord(await planUsers([input], services.lifecycle), dryRun, { call, services })
}

async function postSuspension(
  call: AdminCall,
  { lifecycle }: AdminServices,
): Promise<z.infer<typeof suspensionAnswer>> {
  readQuery(call.query, emptyQuery)
  const { suspended, reason } = await readJson(call.request, suspensionBody)
  const [loginId = ''] = call.parameters
  const act = suspended ? suspendUser : reinstateUser
  return await act({ loginId, reason }, actorOf(call), lifecycle)
}

async function postUnlock(call: AdminCall, { lifecycle }: AdminServices): Promise<z.infer<typeof unlockAnswer>> {
  readQuery(call.query, emptyQuery)
  const [loginId = ''] = call.parameters
  const caller = { requestId: call.requestId, clientAddress: call.request.socket.remoteAddress ?? '' }
  const unlocked = await unlockUser({ loginId, by: { kind: 'operator', actor: actorOf(call) } }, caller, lifecycle)
  return { loginId, ...unlocked }
}

async function showHistory(call: AdminCall, services: AdminServices): Promise<z.infer<typeof historyAnswer>> {
  const { limit } = readQuery(call.query, limitQuery)
  const { loginId } = await findUser(call, services)
  return describeHistory(await readHistory(`login:${loginId}`, limit, services.lifecycle))
}

async function listCertificates(
  call: AdminCall,
  { lifecycle }: AdminServices,
): Promise<z.infer<typeof certificateList>> {
  readQuery(call.query, emptyQuery)
  const [loginId = ''] = call.parameters
  return { certificates: (await listUserCertificates(loginId, lifecycle)).map(describeKnown) }
}

async function findUser(call: AdminCall, { lifecycle }: AdminServices): Promise<User> {
  const [loginId = ''] = call.parameters
  const user = await lifecycle.store.user(loginId)
  if (user !== undefined) return user
  await checkLoginId(loginId, { path: 'loginId', ports: { ...lifecycle, directory: 'embedded' } })
  throw new GatewayError('admin_not_found', 'Cannot find the login ID in the directory', { path: 'loginId' })
}
