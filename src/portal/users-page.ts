import { calendarDay } from '../base/calendar-day.ts'
import { GatewayError } from '../base/errors.ts'
import { readForm } from './form-body.ts'
import { type Html, html } from './html.ts'
import { callerOf } from './issue-visit.ts'
import type { CertificateVisitor, PortalAnswer, PortalCall } from './portal-call.ts'
import { dayOf, portalPage, seeOther, wordsOf } from './portal-page.ts'
import type { Person, PortalServices } from './portal-services.ts'
import { fill } from './portal-words.ts'
import { requireVisitor } from './require-visitor.ts'
import { shellWords } from './shell-words.ts'
import {
  isRevocable,
  readView,
  type UserRow,
  type UserSort,
  type UserView,
  userSorts,
  viewRows,
  writeView,
} from './user-rows.ts'
import { usersWords } from './users-words.ts'

type Words = (typeof usersWords)['ja']

/**
 * `/.sekisho/users`: all users of the contract with state and 有効期限 (R12, R14), searched and sorted by the address, so that it works
 * without scripts. Only for masters, and for general users who may revoke others.
 */
export async function showUsers(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visitor = requireVisitor(call)
  const rows = await listUsers(visitor, services)
  const words = wordsOf(call, services, usersWords)
  const view = readView(call.query)
  const shown = viewRows(rows, view)
  const table =
    shown.length === 0
      ? html`<p>${fill(words.noneFound, { search: view.search })}</p>`
      : usersTable(call, services, { visitor, shown, view, all: rows.length })
  const body = html`<section class="card"><p class="crumbs">${wordsOf(call, services, shellWords).usersPath}</p><h1>${words.title}</h1>
${doneBox(call, services, rows)}<p>${words.lead}</p>${searchForm(words, view)}${table}<form id="unlock-form" method="post" action="/.sekisho/users/unlock"></form></section>`
  return portalPage(call, services, { title: words.title, body, wide: true })
}

/** `POST /.sekisho/users/unlock`: a general user may try passwords again. */
export async function unlockUserOf(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visitor = requireVisitor(call)
  const { user } = await readForm(call, ['user'])
  await services.acts.unlock({ master: personOf(visitor), loginId: user }, callerOf(call))
  return seeOther(`/.sekisho/users?unlocked=${encodeURIComponent(user)}`)
}

/** The users of the visitor's contract. Throws GatewayError `revocation_not_allowed` for who has no business with them. */
export async function listUsers(visitor: CertificateVisitor, services: PortalServices): Promise<readonly UserRow[]> {
  const { acts } = services
  const { contractId } = visitor
  const others = (['general', 'master'] as const).map((role) => ({ loginId: '', contractId, role }))
  if (visitor.role !== 'master' && !others.some((other) => acts.mayRevoke(personOf(visitor), other))) {
    throw new GatewayError('revocation_not_allowed', 'Cannot list the users of the contract for a general user')
  }
  return await acts.listUsers(contractId)
}

/** What acts need to know of a visitor. */
export function personOf({ loginId, contractId, role }: CertificateVisitor): Person {
  return { loginId, contractId, role }
}

function searchForm(words: Words, view: UserView): Html {
  const option = (sort: UserSort) =>
    html`<option value="${sort}"${sort === view.sort && html` selected`}>${words[sort]}</option>`
  return html`<form class="tools" method="get" action="/.sekisho/users" role="search">
<div class="field"><label for="q">${words.search}</label><input id="q" name="q" type="search" value="${view.search}" maxlength="100"></div>
<div class="field"><label for="sort">${words.sort}</label><select id="sort" name="sort">${userSorts.map(option)}</select></div>
<button class="button" type="submit">${words.show}</button>${view.search !== '' && html`<a href="/.sekisho/users">${words.all}</a>`}</form>`
}

type Listing = { visitor: CertificateVisitor; shown: readonly UserRow[]; view: UserView; all: number }

function usersTable(call: PortalCall, services: PortalServices, { visitor, shown, view, all }: Listing): Html {
  const words = wordsOf(call, services, usersWords)
  return html`<form method="get" action="/.sekisho/users/revoke"><div class="rows"><table>
<caption>${words.listTitle} · ${fill(words.count, { shown: shown.length, all })}</caption>
<thead><tr><th scope="col">${words.pick}</th>${userSorts.slice(0, 2).map((sort) => sortHead(words, view, sort))}<th scope="col">${words.role}</th>${userSorts.slice(2).map((sort) => sortHead(words, view, sort))}</tr></thead>
<tbody>${shown.map((row) => userRow(call, services, { row, visitor }))}</tbody></table></div>
<div class="bar"><button class="button danger" type="submit">${words.revoke}</button><p>${words.barText}</p></div></form>`
}

function sortHead(words: Words, view: UserView, sort: UserSort): Html {
  const current = view.sort === sort
  const query = writeView({ ...view, sort, descending: current && !view.descending })
  const direction = view.descending ? 'descending' : 'ascending'
  const mark = current && (view.descending ? ' ▼' : ' ▲')
  return html`<th scope="col"${current && html` aria-sort="${direction}"`}><a href="/.sekisho/users${query !== '' && `?${query}`}">${words[sort]}${mark}</a></th>`
}

function userRow(
  call: PortalCall,
  services: PortalServices,
  { row, visitor }: { row: UserRow; visitor: CertificateVisitor },
): Html {
  const words = wordsOf(call, services, usersWords)
  const { loginId, name, role, certificate } = row
  const own = loginId === visitor.loginId
  const target = { loginId, contractId: visitor.contractId, role }
  const choosable = isRevocable(row) && services.acts.mayRevoke(personOf(visitor), target)
  const pick =
    choosable &&
    html`<input type="radio" name="user" value="${loginId}" required aria-label="${fill(words.pickOne, { loginId })}">`
  return html`<tr><td class="pick">${pick}</td><td data-label="${words.loginId}"><span><strong class="code">${loginId}</strong>${own && html` <span class="quiet">(${words.you})</span>`}</span></td>
<td data-label="${words.name}"><span>${name === '' ? '–' : name}</span></td><td class="whole" data-label="${words.role}"><span>${words[role]}</span></td>
<td data-label="${words.state}"><span>${states(call, services, { row, visitor })}</span></td><td class="whole" data-label="${words.expiry}"><span>${certificate === undefined ? '–' : dayOf(services, call, certificate.notAfterMs)}</span></td></tr>`
}

function states(
  call: PortalCall,
  services: PortalServices,
  { row, visitor }: { row: UserRow; visitor: CertificateVisitor },
): Html {
  const words = wordsOf(call, services, usersWords)
  const { certificate, pending, locked, suspended, loginId } = row
  const { timeZone } = services
  const lastDay = calendarDay(certificate?.notAfterMs ?? 0, timeZone)
  const daysLeft = Math.max(0, lastDay - calendarDay(services.lifecycle.nowMs(), timeZone))
  const state = certificate?.state ?? 'none'
  const soon = state === 'valid' && daysLeft <= services.renewalDueDays()
  const mayUnlock = locked && visitor.role === 'master' && row.role === 'general'
  return html`<span class="state ${soon ? 'soon' : state}">${soon ? fill(words.soon, { days: daysLeft }) : words[state]}</span>${suspended && html` <span class="state suspended">${words.suspended}</span>`}${
    locked && html` <span class="state locked">${words.locked}</span>`
  }${mayUnlock && html` <button class="button small" type="submit" form="unlock-form" name="user" value="${loginId}" formnovalidate aria-label="${fill(words.unlockOf, { loginId })}">${words.unlock}</button>`}${pending !== undefined && html`<p class="hint">${words.pending}</p>`}`
}

/** What was just done, if the list bears it out: the address alone is no proof. */
function doneBox(call: PortalCall, services: PortalServices, rows: readonly UserRow[]): Html | false {
  const words = wordsOf(call, services, usersWords)
  const revoked = rows.find((row) => row.loginId === call.query.get('revoked') && !isRevocable(row))
  const unlocked = rows.find((row) => row.loginId === call.query.get('unlocked') && !row.locked)
  if (revoked !== undefined) {
    const { loginId } = revoked
    return html`<div class="box success" role="status" tabindex="-1" autofocus><h2>${fill(words.revoked_done, { loginId })}</h2>${nextSteps(words, loginId)}</div>`
  }
  if (unlocked === undefined) return false
  const { loginId } = unlocked
  return html`<div class="box success" role="status" tabindex="-1" autofocus><h2>${fill(words.unlocked_done, { loginId })}</h2><p>${words.unlockedText}</p></div>`
}

/** How a user comes to a new certificate (4-11). */
export function nextSteps(words: Words, loginId: string): Html {
  return html`<p><strong>${fill(words.nextTitle, { loginId })}</strong></p><ol>${words.nextSteps.map((step) => html`<li>${step}</li>`)}</ol><p>${words.nextNote}</p>`
}
