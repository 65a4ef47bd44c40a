import { findRefused } from '../../lifecycle/refused-requests.ts'
import { type Html, html } from '../../portal/html.ts'
import { fill } from '../../portal/portal-words.ts'
import type { CounterAnswer } from './counter-call.ts'
import { counterPage, type Desk, placeOf, seeOther } from './desk.ts'

const hitsMax = 50
const queryCharactersMax = 200

/** What was found: ids, in order. */
type Hits = {
  readonly loginIds: readonly string[]
  readonly contractIds: readonly string[]
  /** The one that was asked for exactly is a request id. */
  readonly requestId: string | undefined
}

/** `GET /counter/`: what can be looked for here, or, with `q`, what was found; one hit leads straight to its page. */
export async function showSearch(desk: Desk): Promise<CounterAnswer> {
  const query = (desk.call.query.get('q') ?? '').trim().slice(0, queryCharactersMax)
  if (query === '') return homePage(desk)
  const hits = await findBySpelling(query, desk)
  const { loginIds, contractIds, requestId } = hits
  const places = [
    ...loginIds.map((id) => placeOf('user', id)),
    ...contractIds.map((id) => placeOf('contract', id)),
    ...(requestId === undefined ? [] : [placeOf('request', requestId)]),
  ]
  const [only] = places
  if (only === undefined) return nothingFound(desk, query)
  return places.length === 1 ? seeOther(only) : await hitsPage(desk, { query, hits })
}

/** Full-width letters are what a Japanese keyboard often gives; nothing is folded where it is spelled right. */
async function findBySpelling(query: string, desk: Desk): Promise<Hits> {
  const hits = await find(query, desk)
  const folded = query.normalize('NFKC')
  const isEmpty = hits.loginIds.length + hits.contractIds.length === 0 && hits.requestId === undefined
  return isEmpty && folded !== query ? await find(folded.trim(), desk) : hits
}

async function find(query: string, { services }: Desk): Promise<Hits> {
  const { store } = services.lifecycle
  const [loginIds, contractIds, refused] = await Promise.all([
    store.loginIds(query, hitsMax + 1),
    store.contractIds(query, hitsMax + 1),
    findRefused(query, services.lifecycle),
  ])
  return { loginIds, contractIds, requestId: refused === undefined ? undefined : query }
}

function homePage(desk: Desk): CounterAnswer {
  const { words, mayAct } = desk
  const body = html`<section class="card"><h1>${words.home}</h1><p>${words.homeLead}</p>
<ul class="plain">${words.homeWays.map((way) => html`<li>${way}</li>`)}</ul><p>${words.homeAfter}</p></section>
<section class="card"><h2>${words.homeActs}</h2>${
    mayAct
      ? html`<ul class="plain">${words.homeActsList.map((act) => html`<li>${act}</li>`)}</ul>`
      : html`<p>${words.homeReadsOnly}</p>`
  }</section>`
  return counterPage(desk, { title: words.home, body })
}

function nothingFound(desk: Desk, query: string): CounterAnswer {
  const { words } = desk
  const title = fill(words.foundNone, { query })
  const steps = words.foundNoneSteps.map((step) => html`<li>${step}</li>`)
  const body = html`<section class="card"><h1>${title}</h1><p>${words.foundNoneLead}</p><ul class="plain">${steps}</ul></section>`
  return counterPage(desk, { title, body, search: query, status: 404 })
}

async function hitsPage(desk: Desk, { query, hits }: { query: string; hits: Hits }): Promise<CounterAnswer> {
  const { words, services } = desk
  const { store } = services.lifecycle
  const users = await Promise.all(hits.loginIds.slice(0, hitsMax).map((loginId) => store.user(loginId)))
  const contracts = await Promise.all(hits.contractIds.slice(0, hitsMax).map((id) => store.contract(id)))
  const title = fill(words.found, { query })
  const refused =
    hits.requestId !== undefined &&
    section(words.requestId, [
      html`<li><a href="${placeOf('request', hits.requestId)}"><strong class="code">${hits.requestId}</strong></a></li>`,
    ])
  const people = users.map(
    (user) =>
      user !== undefined &&
      html`<li><a href="${placeOf('user', user.loginId)}"><strong class="code">${user.loginId}</strong><bdi>${user.name}</bdi><span class="quiet">${words[user.role]} · ${words.contract} ${user.contractId}</span></a></li>`,
  )
  const companies = contracts.map(
    (contract) =>
      contract !== undefined &&
      html`<li><a href="${placeOf('contract', contract.contractId)}"><strong class="code">${contract.contractId}</strong><bdi>${contract.name}</bdi><span class="quiet">${words[contract.loginMethod]}</span></a></li>`,
  )
  const more =
    (hits.loginIds.length > hitsMax || hits.contractIds.length > hitsMax) &&
    html`<div class="box"><p>${words.more}</p></div>`
  const body = html`<section class="card"><h1>${title}</h1>${refused}${companies.length > 0 && section(words.contracts, companies)}${people.length > 0 && section(words.users, people)}${more}</section>`
  return counterPage(desk, { title, body, search: query })
}

function section(title: string, entries: readonly (Html | false)[]): Html {
  return html`<h2>${title}</h2><ul class="hits">${entries}</ul>`
}
