import { GatewayError } from '../base/errors.ts'
import { faultText, problemBox } from './fault-answer.ts'
import { readForm } from './form-body.ts'
import { type Html, html } from './html.ts'
import { showIssuePage } from './issue-page.ts'
import { callerOf, findVisit, sessionField, sessionToken } from './issue-visit.ts'
import { issueWords } from './issue-words.ts'
import type { PortalAnswer, PortalCall } from './portal-call.ts'
import { jsonAnswer, portalPage, seeOther, wordsOf } from './portal-page.ts'
import type { PortalServices } from './portal-services.ts'

const fieldCharactersMax = 256

/** `GET /.sekisho/issue`: the login before 証明書取得画面, or that page once somebody has authenticated (R16). */
export async function showIssue(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const { issuing } = services.lifecycle
  if (issuing() === undefined) throw new GatewayError('issuing_disabled', 'Cannot issue certificates here')
  const visit = await findVisit(call, services)
  if (visit !== undefined) return await showIssuePage(call, services, { visit })
  const words = wordsOf(call, services, issueWords)
  const ended = call.query.has('ended') || sessionToken(call) !== undefined
  const notice = ended && html`<div class="box warning" role="status"><p>${words.ended}</p></div>`
  return loginForm(call, services, { notice, loginId: '', status: 200 })
}

/** `POST /.sekisho/issue`: 認証. Whatever is wrong, the form comes back with it. */
export async function logIn(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const { acts } = services
  if (services.lifecycle.issuing() === undefined) {
    throw new GatewayError('issuing_disabled', 'Cannot issue certificates here')
  }
  const written = await readForm(call, ['loginId', 'password'])
  const loginId = written.loginId.trim()
  const { password } = written
  if (loginId === '' || password === '') {
    const words = wordsOf(call, services, issueWords)
    const notice = problemBox(call, services, { title: words.empty, happened: [], steps: [] })
    return loginForm(call, services, { notice, loginId, status: 400 })
  }
  try {
    if (loginId.length > fieldCharactersMax || password.length > fieldCharactersMax) {
      throw new GatewayError('login_refused', 'Cannot log in as the login ID or the password is too long')
    }
    const known = await acts.checkLogin({ loginId, password }, callerOf(call))
    const token = await acts.openIssueSession(known)
    return seeOther('/.sekisho/issue', [sessionField(token, sessionSeconds(services))])
  } catch (error) {
    if (!(error instanceof GatewayError) || error.status >= 500) throw error
    const notice = problemBox(call, services, faultText(error.code, call, services))
    return loginForm(call, services, { notice, loginId, status: error.status })
  }
}

/** `POST /.sekisho/issue/done`: the file is saved; the session ends. */
export async function endIssue(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const token = call.visitor === undefined ? sessionToken(call) : undefined
  if (token === undefined) return jsonAnswer(200, { ended: false })
  await services.acts.closeIssueSession(token)
  const answer = jsonAnswer(200, { ended: true })
  return { ...answer, headers: [...(answer.headers ?? []), sessionField('', 0)] }
}

/** How long an issue page counts after its login. */
export function sessionSeconds(services: PortalServices): number {
  return services.lifecycle.portal()?.sessionSeconds ?? 600
}

function loginForm(
  call: PortalCall,
  services: PortalServices,
  { notice, loginId, status }: { notice: Html | false; loginId: string; status: number },
): PortalAnswer {
  const words = wordsOf(call, services, issueWords)
  const body = html`<section class="card"><h1>${words.loginTitle}</h1>${notice}<p>${words.loginLead}</p>
<form method="post" action="/.sekisho/issue">
<div class="field"><label for="login-id">${words.loginId}</label><input id="login-id" name="loginId" type="text" value="${loginId}" maxlength="${fieldCharactersMax}" autocomplete="username" autocapitalize="none" spellcheck="false" required aria-describedby="login-id-hint"><p class="hint" id="login-id-hint">${words.loginIdHint}</p></div>
<div class="field"><label for="password">${words.password}</label><input id="password" name="password" type="password" maxlength="${fieldCharactersMax}" autocomplete="current-password" required></div>
<button class="button primary" type="submit">${words.authenticate}</button></form></section>
<section class="card"><h2>${words.before}</h2><ul class="plain">${words.beforeItems.map((item) => html`<li>${item}</li>`)}</ul></section>`
  return portalPage(call, services, { title: words.loginTitle, body, status, place: '/.sekisho/issue' })
}
