import type { EnrolReport } from './est/enrol-report.ts'
import { type Html, html } from './html.ts'
import { installGuide } from './install-guide.ts'
import type { IssueVisit } from './issue-visit.ts'
import { issueAppWords, issueWords } from './issue-words.ts'
import type { PortalAnswer, PortalCall } from './portal-call.ts'
import { portalPage, wordsOf } from './portal-page.ts'
import type { PortalServices } from './portal-services.ts'
import { fill } from './portal-words.ts'

/** Name under which the enrolment script for Windows is saved. */
export const scriptFileName = 'sekisho-enrol.ps1'

/** Runs it where the menu of the file does not offer to; for this run alone, whatever the policy of the user says. */
const scriptCommand = `powershell -ExecutionPolicy Bypass -File "$HOME\\Downloads\\${scriptFileName}"`
const filePasswordCharactersMin = 8

type Showing = {
  readonly visit: IssueVisit
  /** A one-time code that was asked for. */
  readonly code?: string
  /** Put before the ways, for 更新. */
  readonly intro?: Html
}

/**
 * 証明書取得画面, for 発行 and 更新: the recommended way first (R7, R26), the command line, and the browser as the labelled fallback. The
 * first two work without scripts.
 */
export async function showIssuePage(
  call: PortalCall,
  services: PortalServices,
  showing: Showing,
): Promise<PortalAnswer> {
  const { visit } = showing
  const words = wordsOf(call, services, issueWords)
  const renews = visit.proof.kind === 'certificate'
  const minutes = Math.floor((services.lifecycle.portal()?.sessionSeconds ?? 600) / 60)
  const outcome = await services.acts.readReport(visit.loginId)
  const body = html`<section class="card"><h1>${words.pageTitle}</h1>${outcome !== undefined && reportBox(call, services, outcome)}${showing.intro}
<dl><dt>${words.forLogin}</dt><dd class="code">${visit.loginId}</dd></dl>
<p>${renews ? words.renewLead : words.issueLead}</p>${!renews && html`<p class="quiet">${fill(words.sessionNote, { minutes })}</p>`}
${windowsWay(call, services, visit)}${unixWay(call, services, showing)}${browserWay(call, services, visit)}</section>`
  return portalPage(call, services, { title: words.pageTitle, body, scripts: ['issue-app'], place: visit.page })
}

function codeMinutes(services: PortalServices): number {
  return Math.floor((services.lifecycle.portal()?.codeLifeSeconds ?? 600) / 60)
}

function windowsWay(call: PortalCall, services: PortalServices, visit: IssueVisit): Html {
  const words = wordsOf(call, services, issueWords)
  const steps = words.windowsSteps.map((step) => html`<li>${fill(step, { file: scriptFileName })}</li>`)
  return html`<section class="way best" aria-labelledby="windows"><p class="badge">${words.best}</p><h2 id="windows">${words.windowsTitle}</h2>
<p>${words.windowsText}</p><form method="post" action="/.sekisho/enrol-script"><button class="button primary" type="submit">${words.windowsButton}</button></form>
<ol class="plain">${steps}</ol><p><a class="button" href="${visit.page}">${words.windowsResult}</a></p>
<p class="quiet">${fill(words.windowsNote, { minutes: codeMinutes(services) })}</p>
<details><summary>${words.windowsCommandTitle}</summary><div><p>${words.windowsCommandText}</p><pre>${scriptCommand}</pre></div></details></section>`
}

/** How the enrolment script ended, as it has told. */
function reportBox(call: PortalCall, services: PortalServices, outcome: EnrolReport['outcome']): Html {
  const words = wordsOf(call, services, issueWords)
  if (outcome !== 'installed') {
    return html`<div class="box error" role="status"><h2>${words.reportFailed}</h2><p>${words.reports[outcome]}</p></div>`
  }
  return html`<div class="box success" role="status"><h2>${words.reportDone}</h2><p>${words.reports.installed}</p><p><a class="button primary" href="${tryUrl(call, services)}">${words.try}</a></p></div>`
}

/**
 * Where the browser asks for a certificate again, because it remembers its choice for each host and port (R13), and is told what was seen.
 */
export function tryUrl(call: PortalCall, services: PortalServices, serial?: string): string {
  const { alternates, certificate } = services.authorities()
  const elsewhere = alternates.find((other) => other !== call.authority && other !== certificate) ?? certificate
  return `https://${elsewhere}/.sekisho/try${serial === undefined ? '' : `?serial=${serial}`}`
}

function unixWay(call: PortalCall, services: PortalServices, { visit, code }: Showing): Html {
  const words = wordsOf(call, services, issueWords)
  const command = `sekisho enroll --server https://${services.authorities().public} --login-id ${visit.loginId}`
  const shown =
    code !== undefined &&
    html`<div class="box success" role="status" id="code" tabindex="-1" autofocus><p>${words.unixCode}</p><p class="code big">${code}</p><p class="quiet">${fill(words.unixCodeNote, { minutes: codeMinutes(services) })}</p></div>`
  const [run = '', install = ''] = words.unixSteps
  return html`<details${code !== undefined && html` open`}><summary>${words.unixTitle}</summary><div><p>${words.unixText}</p>${shown}
<form method="post" action="/.sekisho/issue/code"><button class="button" type="submit">${words.unixButton}</button></form>
<ol class="plain"><li>${run}<pre>${command}</pre></li><li>${install}</li></ol></div></details>`
}

function browserWay(call: PortalCall, services: PortalServices, visit: IssueVisit): Html {
  const words = wordsOf(call, services, issueWords)
  return html`<details id="browser-way"><summary>${words.browserTitle}</summary><div><p>${words.browserText}</p>
<div class="box warning"><p>${words.browserWarning}</p></div>
<noscript><div class="box error"><p>${words.noScript}</p></div></noscript>
${browserForm(call, services, visit)}
<p id="browser-status" role="status" aria-live="polite"></p>
<div class="box error" id="browser-error" role="alert" tabindex="-1" hidden></div>
${result(call, services, visit)}</div></details>`
}

function browserForm(call: PortalCall, services: PortalServices, visit: IssueVisit): Html {
  const words = wordsOf(call, services, issueWords)
  const settings = JSON.stringify({
    loginId: visit.loginId,
    keyName: `${visit.proof.kind}:${visit.loginId}`,
    fileName: fileNameOf(visit),
    nowMs: services.lifecycle.nowMs(),
    lifeMs: (services.lifecycle.portal()?.sessionSeconds ?? 600) * 1_000,
    passwordCharactersMin: filePasswordCharactersMin,
    words: wordsOf(call, services, issueAppWords),
  })
  const kind = (value: string, label: string, note: string, checked: boolean) =>
    html`<label class="choice"><input type="radio" name="kind" value="${value}"${checked && html` checked`}><span>${label}<small>${note}</small></span></label>`
  return html`<form id="browser-form" data-settings="${settings}" hidden novalidate>
<div class="field"><label for="file-password">${words.filePassword}</label><input id="file-password" type="password" autocomplete="new-password" aria-describedby="file-password-hint"><p class="hint" id="file-password-hint">${words.filePasswordHint}</p></div>
<div class="field"><label for="file-password-again">${words.filePasswordAgain}</label><input id="file-password-again" type="password" autocomplete="new-password"></div>
<fieldset><legend>${words.fileKind}</legend>${kind('modern', words.modern, words.modernNote, true)}${kind('older', words.older, words.olderNote, false)}</fieldset>
<button class="button primary" id="browser-issue" type="submit">${words.issue}</button></form>`
}

/** Shown by the script once there is a certificate. */
function result(call: PortalCall, services: PortalServices, visit: IssueVisit): Html {
  const words = wordsOf(call, services, issueWords)
  return html`<div id="result" tabindex="-1" hidden data-again="${words.doneAgain}"><div class="box success"><h2 id="result-title">${words.done}</h2>
<dl><dt>${words.serial}</dt><dd class="code" id="result-serial"></dd><dt>${words.expiry}</dt><dd id="result-expiry"></dd></dl></div>
<p><a class="button primary" id="save">${fill(words.save, { file: fileNameOf(visit) })}</a></p><p class="quiet">${words.saveNote}</p>
<h2>${words.installTitle}</h2>${installGuide(call, services)}
<h2>${words.tryTitle}</h2><p id="try-text" data-text="${words.tryText}"></p><p><a class="button" id="try">${words.try}</a></p><p class="quiet">${words.tryNote}</p>
<h2>${words.finishTitle}</h2><p>${words.finishText}</p><button class="button" id="finish" type="button">${words.finish}</button>
<div class="box success" id="finished" role="status" tabindex="-1" hidden><p>${words.finished}</p></div></div>`
}

/** Login IDs may hold what file names may not. */
function fileNameOf(visit: IssueVisit): string {
  return `${visit.loginId.replace(/[^A-Za-z0-9._-]/g, '_')}.p12`
}
