import { GatewayError } from '../base/errors.ts'
import { faultText, problemBox } from './fault-answer.ts'
import { readForm } from './form-body.ts'
import { type Html, html } from './html.ts'
import { callerOf } from './issue-visit.ts'
import type { CertificateVisitor, PortalAnswer, PortalCall } from './portal-call.ts'
import { dayOf, portalPage, seeOther, wordsOf } from './portal-page.ts'
import type { PortalServices } from './portal-services.ts'
import { requireVisitor } from './require-visitor.ts'
import { writeSerial } from './serial-text.ts'
import { shellWords } from './shell-words.ts'
import { isRevocable, type UserRow } from './user-rows.ts'
import { personOf } from './users-page.ts'
import { usersWords } from './users-words.ts'

const passwordCharactersMax = 256

/** `GET /.sekisho/users/revoke?user=…`: what will be revoked, a warning for one's own (R15), and 確認用パスワード (R14). */
export async function confirmRevocation(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visitor = requireVisitor(call)
  const loginId = call.query.get('user') ?? ''
  if (loginId === '') return seeOther('/.sekisho/users')
  const row = await findTarget(loginId, visitor, services)
  return confirmPage(call, services, { row, visitor, notice: undefined, status: 200 })
}

/** `POST /.sekisho/users/revoke`: 実行. One's own is answered with the last page there is; the connection is cut after it. */
export async function executeRevocation(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visitor = requireVisitor(call)
  const { user, password } = await readForm(call, ['user', 'password'])
  const row = await findTarget(user, visitor, services)
  if (password === '') {
    const title = wordsOf(call, services, usersWords).passwordEmpty
    const notice = problemBox(call, services, { title, happened: [], steps: [] })
    return confirmPage(call, services, { row, visitor, notice, status: 400 })
  }
  try {
    if (password.length > passwordCharactersMax) {
      throw new GatewayError('confirmation_wrong', 'Cannot take the confirmation password as it is too long')
    }
    const request = { revoker: personOf(visitor), targetLoginId: row.loginId, confirmationPassword: password }
    await services.acts.revoke(request, callerOf(call))
  } catch (error) {
    if (!(error instanceof GatewayError) || error.status >= 500) throw error
    const notice = problemBox(call, services, faultText(error.code, call, services))
    return confirmPage(call, services, { row, visitor, notice, status: error.status })
  }
  if (row.loginId === visitor.loginId) return lastPage(call, services)
  return seeOther(`/.sekisho/users?revoked=${encodeURIComponent(row.loginId)}`)
}

/** Throws GatewayError `revocation_not_allowed`, also for users of other contracts: they are not there for this visitor. */
async function findTarget(loginId: string, visitor: CertificateVisitor, services: PortalServices): Promise<UserRow> {
  const users = await services.acts.listUsers(visitor.contractId)
  const row = users.find((user) => user.loginId === loginId)
  const target = row && { loginId, contractId: visitor.contractId, role: row.role }
  if (row === undefined || target === undefined || !services.acts.mayRevoke(personOf(visitor), target)) {
    throw new GatewayError('revocation_not_allowed', 'Cannot revoke as the user is not one whom the visitor may revoke')
  }
  return row
}

type Confirmation = {
  readonly row: UserRow
  readonly visitor: CertificateVisitor
  readonly notice: Html | undefined
  readonly status: number
}

function confirmPage(call: PortalCall, services: PortalServices, confirmation: Confirmation): PortalAnswer {
  const { row, visitor, notice, status } = confirmation
  const words = wordsOf(call, services, usersWords)
  const own = row.loginId === visitor.loginId
  const back = html`<a class="button" href="${visitor.role === 'master' ? '/.sekisho/users' : '/.sekisho/certificate'}">${words.back}</a>`
  const warning = own
    ? html`<div class="box error"><h2>${words.ownTitle}</h2><p>${words.ownWarning}</p></div>`
    : html`<div class="box warning"><p>${words.finalWarning}</p></div>`
  const form = html`<p>${words.confirmLead}</p>${targetRows(call, services, row)}${warning}
<form method="post" action="/.sekisho/users/revoke"><input type="hidden" name="user" value="${row.loginId}">
<div class="field"><label for="password">${words.password}</label><input id="password" name="password" type="password" maxlength="${passwordCharactersMax}" autocomplete="off" required aria-describedby="password-hint"><p class="hint" id="password-hint">${words.passwordHint}</p></div>
<button class="button danger" type="submit">${words.execute}</button>${back}</form>`
  const nothing = html`<div class="box"><p>${words.nothing}</p></div>${targetRows(call, services, row)}<p>${back}</p>`
  const body = html`<section class="card"><p class="crumbs">${wordsOf(call, services, shellWords).usersPath}</p><h1>${words.confirmTitle}</h1>${notice}${isRevocable(row) ? form : nothing}</section>`
  const place = `/.sekisho/users/revoke?user=${encodeURIComponent(row.loginId)}`
  return portalPage(call, services, { title: words.confirmTitle, body, status, place })
}

function targetRows(call: PortalCall, services: PortalServices, row: UserRow): Html {
  const words = wordsOf(call, services, usersWords)
  const certificates = [row.certificate, row.pending].filter((certificate) => certificate !== undefined)
  return html`<div class="certificate"><dl><dt>${words.loginId}</dt><dd class="code">${row.loginId}</dd>${row.name !== '' && html`<dt>${words.name}</dt><dd>${row.name}</dd>`}<dt>${words.role}</dt><dd>${words[row.role]}</dd>
${certificates.map((certificate) => html`<dt>${words.serial}</dt><dd class="code">${writeSerial(certificate.serial)}</dd><dt>${words.expiry}</dt><dd>${dayOf(services, call, certificate.notAfterMs)} <span class="quiet">(${words[certificate.state]})</span></dd>`)}</dl></div><p></p>`
}

/** Nothing on this door can be fetched any more, so the style is inside, and the way on leads to the public door. */
function lastPage(call: PortalCall, services: PortalServices): PortalAnswer {
  const words = wordsOf(call, services, usersWords)
  const { loginId } = requireVisitor(call)
  const issueUrl = `https://${services.authorities().public}/.sekisho/issue?lang=${call.language}`
  const steps = html`<ol>${words.nextSteps.map((step) => html`<li>${step}</li>`)}</ol>`
  const body = html`<section class="card"><h1>${words.ownDoneTitle}</h1><div class="box success" role="status"><p>${words.ownDoneText}</p></div>
<h2>${wordsOf(call, services, shellWords).nextSteps}</h2>${steps}<dl><dt>${words.loginId}</dt><dd class="code">${loginId}</dd><dt>${words.issueAt}</dt><dd><a href="${issueUrl}">${issueUrl}</a></dd></dl></section>`
  return portalPage(call, services, { title: words.ownDoneTitle, body, last: true })
}
