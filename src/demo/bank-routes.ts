import type { ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { digestUpload, echoRequest } from './bank-echo.ts'
import { feedOwner, sessionCookie } from './bank-entrance.ts'
import { streamEvents } from './bank-events.ts'
import { helpPage, issuePage, loginPage, refusalPage, renewPage, topPage, waysPage } from './bank-pages.ts'
import type { BankPerson } from './bank-person.ts'
import { tickerScript } from './bank-scripts.ts'
import type { BankSession, BankSessions } from './bank-sessions.ts'
import { type BankPlace, fill } from './bank-shell.ts'
import type { SignIn, SignInResult } from './bank-sign-in.ts'
import { bankPageHeaders } from './bank-style.ts'
import { bankTexts } from './bank-texts.ts'
import { tickerPath } from './bank-ticker.ts'
import { type BankVisit, isOwnOrigin, readForm } from './bank-visit.ts'

/** What the handlers work with. */
export type BankDesk = {
  readonly place: BankPlace
  readonly people: ReadonlyMap<string, BankPerson>
  readonly sessions: BankSessions
  readonly signIn: SignIn
  readonly clock: Clock
  readonly eventIntervalMs: number
}

type Handler = (visit: BankVisit, desk: BankDesk) => void | Promise<void>

/** Handlers by method for each path. `*` takes any method; GET takes HEAD too. */
const routes: { readonly [path: string]: { readonly [method: string]: Handler } } = {
  '/': { GET: showHome },
  '/login': { GET: showLogin, POST: logIn },
  '/logout': { POST: logOut },
  '/issue': { GET: (visit, { place }) => sendPage(visit, issuePage(place, visit)) },
  '/renew': { GET: (visit, { place }) => sendPage(visit, renewPage(place, visit)) },
  '/help': { GET: (visit, { place }) => sendPage(visit, helpPage(place, visit)) },
  '/events': { GET: showEvents },
  [tickerPath]: { GET: askForUpgrade },
  '/ticker.js': { GET: sendTickerScript },
  '/upload': { POST: digestUpload, PUT: digestUpload },
  '/echo': { '*': (visit) => echoRequest(visit, sessionCookie) },
}

/** Answers one request of somebody the gateway let through. */
export async function answerVisit(visit: BankVisit, desk: BankDesk): Promise<void> {
  const method = visit.request.method === 'HEAD' ? 'GET' : (visit.request.method ?? '')
  const route = Object.hasOwn(routes, visit.path) ? routes[visit.path] : undefined
  const handler = route?.['*'] ?? (route !== undefined && Object.hasOwn(route, method) ? route[method] : undefined)
  if (route === undefined) {
    refuse(visit, desk, 'notFound')
  } else if (handler === undefined) {
    visit.response.setHeader('Allow', Object.keys(route).join(', '))
    refuse(visit, desk, 'method')
  } else if (method !== 'GET' && !isOwnOrigin(visit.request)) {
    refuse(visit, desk, 'crossSite')
  } else {
    await handler(visit, desk)
  }
}

function showHome(visit: BankVisit, desk: BankDesk): void {
  const { session, language } = visit
  if (session !== undefined) {
    showTop(visit, { desk, session })
  } else if (visit.caller.loginMethod === 'password') {
    sendPage(visit, waysPage(desk.place, visit))
  } else {
    const notice = visit.foreignSession ? { notice: bankTexts[language].foreignSession } : {}
    sendPage(visit, loginPage(desk.place, { language, caller: visit.caller, ...notice }))
  }
}

function showTop(visit: BankVisit, { desk, session }: { desk: BankDesk; session: BankSession }): void {
  const { caller, language } = visit
  const { loginId } = session
  const person = desk.people.get(loginId)
  const user = { loginId, displayName: person?.displayName ?? loginId, contractId: person?.contractId ?? '' }
  const loginAtMs = session.beganAtMs
  sendPage(visit, topPage(desk.place, { language, caller, user, loginAtMs, nowMs: desk.clock.nowMs() }))
}

function showLogin(visit: BankVisit, desk: BankDesk): void {
  if (visit.session === undefined) sendPage(visit, loginPage(desk.place, visit))
  else redirect(visit, '/')
}

async function logIn(visit: BankVisit, desk: BankDesk): Promise<void> {
  const { caller } = visit
  const form = await readForm(visit.request)
  if (form === undefined) {
    refuse(visit, desk, 'form')
  } else if (caller.loginMethod === 'certificate' && form.getAll('loginId').some((id) => id !== caller.loginId)) {
    refuse(visit, desk, 'otherLoginId')
  } else {
    const loginId = caller.loginMethod === 'certificate' ? caller.loginId : (form.get('loginId') ?? '')
    await checkPassword(visit, { desk, loginId, password: form.get('password') ?? '' })
  }
}

async function checkPassword(
  visit: BankVisit,
  { desk, loginId, password }: { desk: BankDesk; loginId: string; password: string },
): Promise<void> {
  const { caller, language } = visit
  const { loginMethod } = caller
  const texts = bankTexts[language]
  const result = await desk.signIn.check({ loginId, loginMethod, password })
  visit.response.setHeader('Sekisho-Login-Result', loginResult(result, loginMethod))
  if (result.kind === 'wait') {
    visit.response.setHeader('Retry-After', result.seconds)
    const wrong = fill(texts.wait, { seconds: result.seconds })
    sendPage(visit, loginPage(desk.place, { language, caller, wrong }), { status: 429 })
  } else if (result.kind === 'accepted' && result.person.loginMethod === loginMethod) {
    beginSession(visit, { desk, loginId })
  } else if (result.kind === 'accepted' && loginMethod === 'password') {
    // Only who knows the password learns which method a login ID has: the public door tells strangers nothing.
    refuse(visit, desk, 'certificateMode')
  } else {
    const wrong = loginMethod === 'password' ? [texts.wrongPassword, texts.wrongPasswordHint] : [texts.wrongPassword]
    sendPage(visit, loginPage(desk.place, { language, caller, wrong: wrong.join(' ') }), { status: 403 })
  }
}

/** What the gateway counts: it sees logins pass, and not what becomes of them. */
function loginResult(result: SignInResult, loginMethod: BankPerson['loginMethod']): 'accepted' | 'refused' | 'locked' {
  if (result.kind === 'wait') return 'locked'
  return result.kind === 'accepted' && result.person.loginMethod === loginMethod ? 'accepted' : 'refused'
}

function beginSession(visit: BankVisit, { desk, loginId }: { desk: BankDesk; loginId: string }): void {
  if (visit.session !== undefined && visit.sessionToken !== undefined) desk.sessions.end(visit.sessionToken)
  const token = desk.sessions.begin({ loginId, loginMethod: visit.caller.loginMethod })
  visit.response.appendHeader('Set-Cookie', `${sessionCookie}=${token}; Path=/; HttpOnly; Secure; SameSite=Lax`)
  redirect(visit, '/')
}

function logOut(visit: BankVisit, desk: BankDesk): void {
  if (visit.session !== undefined && visit.sessionToken !== undefined) desk.sessions.end(visit.sessionToken)
  visit.response.appendHeader('Set-Cookie', `${sessionCookie}=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0`)
  redirect(visit, '/')
}

function showEvents(visit: BankVisit, desk: BankDesk): void {
  const loginId = feedOwner(visit)
  if (loginId === undefined) sendText(visit.response, { status: 403, text: 'Log in first.' })
  else streamEvents(visit, { loginId, clock: desk.clock, intervalMs: desk.eventIntervalMs })
}

/** Whoever asks for the exchange rate feed without asking for a WebSocket is told what it takes (RFC 9110 15.5.22). */
function askForUpgrade({ response }: BankVisit): void {
  response.setHeader('Upgrade', 'websocket')
  response.setHeader('Connection', 'Upgrade')
  sendText(response, { status: 426, text: 'This is a WebSocket.' })
}

function sendTickerScript({ response }: BankVisit): void {
  response.writeHead(200, {
    'Cache-Control': 'no-store',
    'Content-Length': Buffer.byteLength(tickerScript),
    'Content-Type': 'text/javascript; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  })
  response.end(tickerScript)
}

function sendText(response: ServerResponse, { status, text }: { status: number; text: string }): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' })
  response.end(`${text}\n`)
}

type Refusal = 'notFound' | 'method' | 'crossSite' | 'form' | 'otherLoginId' | 'certificateMode'

const refusalStatuses: { readonly [refusal in Refusal]: number } = {
  notFound: 404,
  method: 405,
  crossSite: 403,
  form: 400,
  otherLoginId: 403,
  certificateMode: 403,
}

// A body that was not read is drained by node:http after the answer, so the gateway may keep the connection.
function refuse(visit: BankVisit, desk: BankDesk, refusal: Refusal): void {
  const { language } = visit
  const texts = bankTexts[language]
  const words = { title: texts[`${refusal}Title`], text: texts[`${refusal}Text`] }
  const link = { href: `${desk.place.certificateUrl}/`, label: texts.certificateLoginTitle }
  const next =
    refusal === 'otherLoginId'
      ? { step: texts.otherLoginIdStep }
      : refusal === 'certificateMode'
        ? { step: texts.certificateModeStep, link }
        : {}
  const page = refusalPage(desk.place, { language, ...words, ...next })
  sendPage(visit, page, { status: refusalStatuses[refusal] })
}

function sendPage({ response }: BankVisit, page: string, { status }: { status: number } = { status: 200 }): void {
  response.writeHead(status, { ...bankPageHeaders, 'Content-Length': Buffer.byteLength(page) })
  response.end(page)
}

function redirect({ response }: BankVisit, location: string): void {
  response.writeHead(303, { Location: location, 'Cache-Control': 'no-store', 'Content-Length': 0 })
  response.end()
}
