import { GatewayError } from '../../base/errors.ts'
import { type ContractUser, listContractUsers } from '../../lifecycle/contract-users.ts'
import type { Contract } from '../../lifecycle/ports.ts'
import { type Html, html } from '../../portal/html.ts'
import { fill } from '../../portal/portal-words.ts'
import { actBlock } from './act-form.ts'
import type { CounterAnswer } from './counter-call.ts'
import { counterPage, type Desk, placeOf } from './desk.ts'
import { historySection } from './history-list.ts'

/** Users on one page of the list. */
const pageUsers = 50
const filterCharactersMax = 100
const dayMs = 86_400_000
/** From when on a certificate counts as about to expire here. Unit: days. */
const soonDays = 40

/** `GET /counter/contract?id=…`: login method, limit (R3), users with state and 有効期限, history, and the switch (R23). */
export async function showContract(desk: Desk): Promise<CounterAnswer> {
  const { words, services } = desk
  const contract = await findContract(desk, desk.call.query.get('id') ?? '')
  const { contractId, name } = contract
  const users = await listContractUsers(contractId, services.lifecycle)
  const title = `${words.contract} ${contractId}`
  const act = contract.loginMethod === 'password' ? 'switchToCertificate' : 'switchToPassword'
  const body = html`<div class="columns"><div><section class="card"><h1>${words.contract} <span class="code">${contractId}</span><small><bdi>${name}</bdi></small></h1>
${summary(desk, contract, users)}</section>${userList(desk, contractId, users)}</div>
<div><section class="card"><h2>${words.acts}</h2>${desk.mayAct ? actBlock(desk, { act, subject: contractId }) : html`<p>${words.actsNone}</p>`}</section>${await historySection(desk, `contract:${contractId}`)}</div></div>`
  return counterPage(desk, { title, body })
}

/** Throws GatewayError `admin_not_found`. */
export async function findContract({ services }: Desk, contractId: string): Promise<Contract> {
  const contract = await services.lifecycle.store.contract(contractId)
  if (contract !== undefined) return contract
  const shown = JSON.stringify(contractId.slice(0, 100))
  throw new GatewayError('admin_not_found', `Cannot find the contract: current value is ${shown}`, { path: 'id' })
}

function summary(desk: Desk, contract: Contract, users: readonly ContractUser[]): Html {
  const { words } = desk
  const used = users.filter(
    ({ certificate }) => certificate?.state === 'current' || certificate?.state === 'issued',
  ).length
  const limit = contract.certificateLimit
  const masters = users.filter(({ role }) => role === 'master')
  const masterLinks = masters.map(
    ({ loginId, name }) => html`<a class="code" href="${placeOf('user', loginId)}">${loginId}</a> <bdi>${name}</bdi> `,
  )
  return html`<dl><dt>${words.method}</dt><dd>${words[contract.loginMethod]}</dd>
<dt>${words.used}</dt><dd>${fill(words.usedText, { used, limit })}<meter class="used" min="0" max="${limit}" value="${used}" aria-label="${words.used}"></meter>${used >= limit && html`<span class="note">${words.usedFull}</span>`}</dd>
<dt>${words.masters}</dt><dd>${masters.length === 0 ? words.noMaster : masterLinks}</dd></dl>`
}

function userList(desk: Desk, contractId: string, users: readonly ContractUser[]): Html {
  const { words, call } = desk
  const filter = (call.query.get('filter') ?? '').trim().slice(0, filterCharactersMax)
  const wanted = folded(filter)
  const found = users.filter(
    ({ loginId, name }) => folded(loginId).includes(wanted) || folded(name ?? '').includes(wanted),
  )
  const pages = Math.max(1, Math.ceil(found.length / pageUsers))
  const asked = Number(call.query.get('page') ?? 1)
  const page = Number.isSafeInteger(asked) ? Math.min(Math.max(asked, 1), pages) : 1
  const from = (page - 1) * pageUsers
  const shown = found.slice(from, from + pageUsers)
  const caption = fill(words.count, { from: from + 1, to: from + shown.length, all: found.length })
  const table =
    shown.length === 0
      ? html`<p>${words.countNone}</p>`
      : html`<div class="rows scroll"><table><caption>${caption}</caption><thead><tr><th scope="col">${words.loginId}</th><th scope="col">${words.name}</th><th scope="col">${words.role}</th><th scope="col">${words.state}</th><th scope="col">${words.expiry}</th></tr></thead>
<tbody>${shown.map((user) => userRow(desk, user))}</tbody></table></div>`
  return html`<section class="card" aria-labelledby="users"><h2 id="users">${words.userList}</h2>
<form class="tools" method="get" action="/counter/contract"><input type="hidden" name="id" value="${contractId}"><div class="field"><label for="filter">${words.filter}</label><input id="filter" name="filter" type="search" value="${filter}" maxlength="${filterCharactersMax}"></div>
<button class="button" type="submit">${words.show}</button>${filter !== '' && html`<a href="${placeOf('contract', contractId)}">${words.showAll}</a>`}</form>
${table}${pages > 1 && pageLinks(desk, { contractId, filter, page, pages })}</section>`
}

function userRow(desk: Desk, user: ContractUser): Html {
  const { words } = desk
  const { loginId, name, role, certificate } = user
  return html`<tr><td data-label="${words.loginId}"><a class="code" href="${placeOf('user', loginId)}">${loginId}</a></td><td data-label="${words.name}"><bdi>${name ?? '–'}</bdi></td>
<td class="whole" data-label="${words.role}">${words[role]}</td><td data-label="${words.state}">${userStates(desk, user)}</td><td class="whole" data-label="${words.expiry}">${certificate === undefined ? '–' : desk.day(certificate.notAfterMs)}</td></tr>`
}

/** Marks for what counts of a user: certificate, suspension, lock. */
export function userStates(desk: Desk, user: Omit<ContractUser, 'name' | 'role' | 'loginId'>): Html {
  const { words } = desk
  const { certificate, pending, userState, lockedUntilMs } = user
  return html`<span>${certificateMark(desk, certificate)}${userState === 'suspended' && html` <span class="state suspended">${words.suspended}</span>`}${lockedUntilMs !== undefined && html` <span class="state locked">${words.locked}</span>`}${pending !== undefined && html`<span class="quiet"> ${words.pending}</span>`}</span>`
}

/** The state of a certificate as a mark; `current` ones that end soon say in how many days. */
export function certificateMark(
  { words, services }: Desk,
  certificate: { readonly state: keyof Desk['words']['states']; readonly notAfterMs: number } | undefined,
): Html {
  if (certificate === undefined) return html`<span class="state">${words.none}</span>`
  const { state, notAfterMs } = certificate
  const days = Math.max(0, Math.floor((notAfterMs - services.lifecycle.nowMs()) / dayMs))
  if (state === 'current' && days <= soonDays) {
    return html`<span class="state soon">${fill(words.soon, { days })}</span>`
  }
  const look = { current: 'valid', issued: 'unused', superseded: '', revoked: 'revoked', expired: 'expired' }[state]
  return html`<span class="state ${look}">${words.states[state]}</span>`
}

type PageView = { contractId: string; filter: string; page: number; pages: number }

function pageLinks({ words }: Desk, { contractId, filter, page, pages }: PageView): Html {
  const link = (to: number, label: string, rel: string) => {
    const query = new URLSearchParams({ id: contractId, ...(filter === '' ? {} : { filter }), page: String(to) })
    return html`<a class="button" rel="${rel}" href="/counter/contract?${query.toString()}#users">${label}</a>`
  }
  return html`<nav class="pages" aria-label="${words.pages}">${page > 1 && link(page - 1, words.previous, 'prev')}<span>${fill(words.pageOf, { page, pages })}</span>${page < pages && link(page + 1, words.next, 'next')}</nav>`
}

function folded(text: string): string {
  return text.normalize('NFKC').toLowerCase()
}
