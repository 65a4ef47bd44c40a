import { GatewayError } from '../../base/errors.ts'
import { html } from '../../portal/html.ts'
import type { Problem } from '../problem.ts'
import { requireRole } from '../require-role.ts'
import { postAct } from './act-page.ts'
import { showContract } from './contract-page.ts'
import type { CounterAnswer, CounterCall, CounterServices } from './counter-call.ts'
import { counterPage, type Desk, openDesk, seeOther } from './desk.ts'
import { counterFaultWords } from './fault-words.ts'
import { showSearch } from './find-page.ts'
import { showRequest } from './request-page.ts'
import { showUser } from './user-page.ts'

/** Label of all counter pages in metrics. */
export const counterLabel = '/counter/*'

/** Every counter page by method and path. */
const pages: { readonly [route: string]: (desk: Desk) => Promise<CounterAnswer> } = {
  'GET /counter/': showSearch,
  'GET /counter/contract': showContract,
  'GET /counter/user': showUser,
  'GET /counter/request': showRequest,
  'POST /counter/act': postAct,
}

/** Whether the target of a request, as it was sent, belongs to the counter pages. */
export function isCounterTarget(target: string): boolean {
  return /^\/counter(?:[/?]|$)/.test(target)
}

/**
 * A counter page. Every role reads; who may act is the business of `postAct`. Throws GatewayError `admin_not_found`,
 * `admin_role_missing`, `admin_request_invalid`, `store_unavailable`, each of which `counterFault` can show.
 */
export async function answerCounter(call: CounterCall, services: CounterServices): Promise<CounterAnswer> {
  if (call.operator === undefined) throw new RangeError('Cannot show the counter to nobody')
  requireRole(call.operator)
  const route = `${call.method} ${call.path}`
  if (route === 'GET /counter' || route === 'GET /counter/act') return seeOther('/counter/')
  const page = Object.hasOwn(pages, route) ? pages[route] : undefined
  if (page === undefined) {
    const shown = JSON.stringify(route.slice(0, 200))
    throw new GatewayError('admin_not_found', `Cannot find the page: current value is ${shown}`)
  }
  return await page(openDesk(call, services))
}

/** The page of what went wrong. `call.operator` is undefined for who is none. */
export function counterFault(problem: Problem, call: CounterCall, services: CounterServices): CounterAnswer {
  const desk = openDesk(call, services)
  const { words } = desk
  const { status, code, detail, requestId } = problem
  const faults = counterFaultWords[desk.language]
  const known = Object.hasOwn(faults, code) ? (code as keyof typeof faults) : undefined
  const { title, steps } = faults[known ?? (status < 500 ? 'admin_request_invalid' : 'internal')]
  const body = html`<section class="card"><p class="status">${words.faultHeading}</p><h1>${title}</h1><h2>${words.nextSteps}</h2><ol class="steps">${steps.map((step) => html`<li>${step}</li>`)}</ol>
<dl><dt>${words.requestId}</dt><dd class="code">${requestId}</dd></dl><p></p><details><summary>${words.technical}</summary><div><p lang="en">${detail}</p><p class="code">${code}</p></div></details>${call.operator !== undefined && html`<p><a class="button" href="/counter/">${words.backHome}</a></p>`}</section>`
  // What was sent by POST is not there for GET.
  return counterPage(desk, { title, body, status, ...(call.method === 'GET' ? {} : { place: '/counter/' }) })
}
