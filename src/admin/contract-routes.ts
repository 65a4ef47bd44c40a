import type { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import { type ContractUser, listContractUsers } from '../lifecycle/contract-users.ts'
import { readContractInput } from '../lifecycle/directory-input.ts'
import { planContracts } from '../lifecycle/directory-plan.ts'
import { readHistory } from '../lifecycle/history.ts'
import { inParallel } from '../lifecycle/in-parallel.ts'
import type { Contract } from '../lifecycle/ports.ts'
import { switchLoginMethod } from '../lifecycle/switch-login-method.ts'
import { type AdminCall, type AdminRoute, type AdminServices, actorOf } from './admin-call.ts'
import {
  changeAnswer,
  contractAnswer,
  contractList,
  contractUserList,
  historyAnswer,
  switchAnswer,
} from './answer-schemas.ts'
import { describeContract, describeHeld, describeHistory, isoOf } from './describe-life.ts'
import { contractBody, idQuery, limitQuery, loginMethodBody } from './life-schemas.ts'
import { operatorRoles } from './operator.ts'
import { readJson, readQuery } from './request-body.ts'
import { emptyQuery } from './request-schemas.ts'
import { setRecord } from './set-record.ts'

/** Questions to the store at the same time. */
const width = 16

/** Contracts: what they are, who is in them, and the switch of the login method (R23). */
export const contractRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/v1/contracts',
    roles: operatorRoles,
    handle: listContracts,
    docs: { summary: 'Contracts in the order of their ids', query: idQuery, answer: contractList },
  },
  {
    method: 'GET',
    path: '/v1/contracts/{contractId}',
    roles: operatorRoles,
    handle: showContract,
    docs: { summary: 'One contract', answer: contractAnswer },
  },
  {
    method: 'PUT',
    path: '/v1/contracts/{contractId}',
    roles: ['branch', 'security'],
    handle: putContract,
    docs: { summary: 'Adds a contract or changes it', body: contractBody, answer: changeAnswer },
  },
  {
    method: 'PUT',
    path: '/v1/contracts/{contractId}/login-method',
    roles: ['branch'],
    handle: putLoginMethod,
    docs: { summary: 'Switches the login method of a contract', body: loginMethodBody, answer: switchAnswer },
  },
  {
    method: 'GET',
    path: '/v1/contracts/{contractId}/users',
    roles: operatorRoles,
    handle: listUsers,
    docs: { summary: 'The users of a contract with what they hold', answer: contractUserList },
  },
  {
    method: 'GET',
    path: '/v1/contracts/{contractId}/history',
    roles: operatorRoles,
    handle: showHistory,
    docs: { summary: 'What happened to a contract, newest first', query: limitQuery, answer: historyAnswer },
  },
]

async function listContracts(call: AdminCall, { lifecycle }: AdminServices): Promise<z.infer<typeof contractList>> {
  const { prefix, cursor, limit } = readQuery(call.query, idQuery)
  const { store } = lifecycle
  const ids = await store.contractIds(prefix, limit, cursor)
  const contracts = await inParallel(ids, (id) => store.contract(id), { width })
  const last = ids.length === limit ? ids.at(-1) : undefined
  return {
    contracts: contracts.flatMap((contract) => (contract === undefined ? [] : [describeContract(contract)])),
    ...(last === undefined ? {} : { nextCursor: last }),
  }
}

async function showContract(call: AdminCall, services: AdminServices): Promise<z.infer<typeof contractAnswer>> {
  readQuery(call.query, emptyQuery)
  return describeContract(await findContract(call, services))
}

async function putContract(call: AdminCall, services: AdminServices): Promise<z.infer<typeof changeAnswer>> {
  readQuery(call.query, emptyQuery)
  const { dryRun, ...fields } = await readJson(call.request, contractBody)
  const input = readContractInput({ ...fields, contractId: call.parameters[0] })
  return await setRecord(await planContracts([input], services.lifecycle), dryRun, { call, services })
}

async function putLoginMethod(call: AdminCall, { lifecycle }: AdminServices): Promise<z.infer<typeof switchAnswer>> {
  readQuery(call.query, emptyQuery)
  const body = await readJson(call.request, loginMethodBody)
  const [contractId = ''] = call.parameters
  return await switchLoginMethod({ ...body, contractId }, actorOf(call), lifecycle)
}

async function listUsers(call: AdminCall, { lifecycle }: AdminServices): Promise<z.infer<typeof contractUserList>> {
  readQuery(call.query, emptyQuery)
  const [contractId = ''] = call.parameters
  return { contractId, users: (await listContractUsers(contractId, lifecycle)).map(describeContractUser) }
}

function describeContractUser({ userState, lockedUntilMs, certificate, pending, ...user }: ContractUser) {
  return {
    ...user,
    state: userState,
    ...(lockedUntilMs === undefined ? {} : { lockedUntil: isoOf(lockedUntilMs) }),
    ...(certificate === undefined ? {} : { certificate: describeHeld(certificate) }),
    ...(pending === undefined ? {} : { pending: describeHeld(pending) }),
  }
}

async function showHistory(call: AdminCall, services: AdminServices): Promise<z.infer<typeof historyAnswer>> {
  const { limit } = readQuery(call.query, limitQuery)
  const { contractId } = await findContract(call, services)
  return describeHistory(await readHistory(`contract:${contractId}`, limit, services.lifecycle))
}

async function findContract(call: AdminCall, { lifecycle }: AdminServices): Promise<Contract> {
  const [contractId = ''] = call.parameters
  const contract = await lifecycle.store.contract(contractId)
  if (contract !== undefined) return contract
  const alike = await lifecycle.store.contractIds(contractId.slice(0, Math.ceil(contractId.length / 2)), 5)
  const hint = alike.length === 0 ? '' : ` (alike: ${alike.join(', ')})`
  const shown = JSON.stringify(contractId.slice(0, 100))
  throw new GatewayError('admin_not_found', `Cannot find the contract${hint}: current value is ${shown}`, {
    path: 'contractId',
  })
}
