import { prefersProblem } from './accept.ts'
import { certificateWords } from './certificate-words.ts'
import { type Html, html } from './html.ts'
import { showIssuePage } from './issue-page.ts'
import { requireVisit } from './issue-visit.ts'
import type { CertificateVisitor, PortalAnswer, PortalCall } from './portal-call.ts'
import { dayOf, jsonAnswer, portalPage, wordsOf } from './portal-page.ts'
import type { PortalServices } from './portal-services.ts'
import { fill } from './portal-words.ts'
import { requireVisitor } from './require-visitor.ts'
import { writeSerial } from './serial-text.ts'
import { visitorNotice } from './visitor-notice.ts'

const commonNameOid = '2.5.4.3'

/** `/.sekisho/certificate`: the user's own certificate; as JSON for the banking application where it asks for that (R11, R12). */
export async function showCertificate(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visitor = requireVisitor(call)
  const { certificate, loginId } = visitor
  const words = wordsOf(call, services, certificateWords)
  const notice = await visitorNotice(visitor, services)
  const { daysLeft, renewalDue, step } = notice
  const expiry = dayOf(services, call, certificate.notAfterMs)
  const renewUrl = `https://${services.authorities().certificate}/.sekisho/renew`
  const issuer = issuerName(visitor)
  if (prefersProblem(call.header('accept'))) {
    return jsonAnswer(200, {
      loginId,
      serial: certificate.serial,
      issuer,
      notBefore: new Date(certificate.notBeforeMs).toISOString(),
      notAfter: new Date(certificate.notAfterMs).toISOString(),
      daysLeft,
      renewalDue,
      noticeStep: step ?? null,
      notice:
        step === undefined ? null : { text: noticeText(call, services, { expiry, daysLeft }), renew: words.renew },
      renewUrl,
    })
  }
  const renewal = renewalDue
    ? html`<div class="box warning"><h2>${words.due}</h2><p>${fill(words.dueText, { expiry })}</p><p><a class="button primary" href="/.sekisho/renew">${words.renew}</a></p></div>`
    : html`<p>${fill(words.notDueText, { renewalDays: services.renewalDueDays() })}</p>`
  const mayRevokeOwn = services.acts.mayRevoke(visitor, visitor)
  const body = html`<section class="card"><h1>${words.title}</h1>${renewal}<p>${words.lead}</p>${certificateRows(call, services, visitor)}
${mayRevokeOwn && html`<div class="action"><a class="button" href="/.sekisho/users/revoke?user=${encodeURIComponent(loginId)}">${words.revokeOwn}</a></div>`}</section>`
  return portalPage(call, services, { title: words.title, body })
}

/** `/.sekisho/renew`: 証明書取得画面 without the password, once renewal is due (R11, R20). */
export async function showRenewal(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visitor = requireVisitor(call)
  const words = wordsOf(call, services, certificateWords)
  const notice = await visitorNotice(visitor, services)
  const expiry = dayOf(services, call, visitor.certificate.notAfterMs)
  if (!notice.renewalDue) {
    const body = html`<section class="card"><h1>${words.renewTitle}</h1><div class="box"><p>${fill(words.notDueText, { renewalDays: services.renewalDueDays() })}</p></div>${certificateRows(call, services, visitor)}</section>`
    return portalPage(call, services, { title: words.renewTitle, body })
  }
  const days = daysText(words, notice.daysLeft)
  const intro = html`<div class="box warning"><p>${fill(words.renewIntro, { expiry })} <strong class="days">${days}</strong></p><p>${words.renewOverlap}</p></div>`
  return await showIssuePage(call, services, { visit: await requireVisit(call, services), intro })
}

/** `/.sekisho/notice.html`: the notice as a piece of a page that an application may put into its own; empty where there is none. */
export async function showNotice(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visitor = requireVisitor(call)
  const words = wordsOf(call, services, certificateWords)
  const { step, daysLeft } = await visitorNotice(visitor, services)
  const expiry = dayOf(services, call, visitor.certificate.notAfterMs)
  const text = noticeText(call, services, { expiry, daysLeft })
  const body =
    step === undefined
      ? ''
      : html`<p class="sekisho-notice" role="status" lang="${call.language}">${text} <a href="/.sekisho/renew">${words.renew}</a></p>\n`
          .text
  return {
    status: 200,
    contentType: 'text/html; charset=utf-8',
    headers: [
      ['Cache-Control', 'no-store'],
      ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
      ['Cross-Origin-Resource-Policy', 'same-origin'],
      ['Vary', 'Accept-Language, Cookie'],
      ['X-Content-Type-Options', 'nosniff'],
    ],
    body,
  }
}

/** `/.sekisho/try`: what the door saw; with `serial`, whether that is the one just issued (R13). */
export async function tryCertificate(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const visitor = requireVisitor(call)
  const words = wordsOf(call, services, certificateWords)
  // Pages and certificate choosers write whole bytes, so with a zero in front.
  const issued = (call.query.get('serial') ?? '').toLowerCase().replace(/^0+/, '')
  const asked = /^[0-9a-f]{1,40}$/.test(issued)
  const other = asked && issued !== visitor.certificate.serial
  const title = other ? words.tryOtherTitle : words.tryTitle
  const said = other
    ? html`<div class="box warning" role="status"><p>${fill(words.tryOtherText, { serial: writeSerial(issued) })}</p><ol>${words.tryOtherSteps.map((step) => html`<li>${step}</li>`)}</ol></div>`
    : html`<div class="box success" role="status"><p>${asked ? words.trySame : words.tryText}</p></div>`
  const body = html`<section class="card"><h1>${title}</h1>${said}<h2>${words.trySeen}</h2>${certificateRows(call, services, visitor)}
<div class="action"><a class="button primary" href="https://${services.authorities().certificate}/">${words.login}</a></div></section>`
  return portalPage(call, services, { title, body })
}

function certificateRows(call: PortalCall, services: PortalServices, visitor: CertificateVisitor): Html {
  const words = wordsOf(call, services, certificateWords)
  const { notBeforeMs, notAfterMs, serial } = visitor.certificate
  const from = dayOf(services, call, notBeforeMs)
  const to = dayOf(services, call, notAfterMs)
  return html`<dl><dt>${words.loginId}</dt><dd class="code">${visitor.loginId}</dd><dt>${words.serial}</dt><dd class="code">${writeSerial(serial)}</dd>
<dt>${words.issuer}</dt><dd><bdi>${issuerName(visitor)}</bdi></dd><dt>${words.period}</dt><dd>${fill(words.periodText, { from, to })}</dd><dt>${words.expiry}</dt><dd>${to}</dd></dl>`
}

function issuerName({ certificate }: CertificateVisitor): string {
  return certificate.issuer.findLast(({ oid }) => oid === commonNameOid)?.value ?? ''
}

function noticeText(call: PortalCall, services: PortalServices, ends: { expiry: string; daysLeft: number }): string {
  const words = wordsOf(call, services, certificateWords)
  return ends.daysLeft === 0 ? words.noticeLastDay : fill(words.notice, { expiry: ends.expiry, days: ends.daysLeft })
}

function daysText(words: { daysLeft: string; lastDay: string }, days: number): string {
  return days === 0 ? words.lastDay : fill(words.daysLeft, { days })
}
