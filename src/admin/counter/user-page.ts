import { GatewayError } from '../../base/errors.ts'
import { certificateStateOf } from '../../lifecycle/contract-users.ts'
import { nameCertificate } from '../../lifecycle/issuer-names.ts'
import { lockedUntilMs } from '../../lifecycle/lock.ts'
import type { LoginMethod, RecordedCertificate, SeenSpan, User } from '../../lifecycle/ports.ts'
import { checkLoginId } from '../../lifecycle/revoke.ts'
import { type Html, html } from '../../portal/html.ts'
import { fill } from '../../portal/portal-words.ts'
import { writeSerial } from '../../portal/serial-text.ts'
import { actBlock } from './act-form.ts'
import { certificateMark } from './contract-page.ts'
import type { CounterAnswer } from './counter-call.ts'
import { counterPage, type Desk, placeOf } from './desk.ts'
import { historySection } from './history-list.ts'

type Locks = { readonly login: number | undefined; readonly confirmation: number | undefined }

/** `GET /counter/user?id=…`: state, locks, every certificate on record, history, and what the operator's role may do. */
export async function showUser(desk: Desk): Promise<CounterAnswer> {
  const { words, services } = desk
  const { lifecycle } = services
  const user = await findUser(desk, desk.call.query.get('id') ?? '')
  const { loginId } = user
  const certificates = await lifecycle.store.certificatesOf(loginId, 0)
  const [seen, contract, login, confirmation] = await Promise.all([
    lifecycle.store.sightings(certificates.map(({ key }) => key)),
    lifecycle.store.contract(user.contractId),
    lockedUntilMs('login', loginId, lifecycle),
    lockedUntilMs('confirmation', loginId, lifecycle),
  ])
  const locks = { login, confirmation }
  const rows = certificates.map((certificate, position) => ({ certificate, span: seen[position] }))
  const newestFirst = rows.toSorted((one, other) => other.certificate.recordedVersion - one.certificate.recordedVersion)
  const method = contract === undefined ? undefined : words[contract.loginMethod]
  const body = html`<p class="crumbs">${words.contract} <a class="code" href="${placeOf('contract', user.contractId)}">${user.contractId}</a> <bdi>${contract?.name}</bdi></p>
<div class="columns"><div><section class="card"><h1>${words.user} <span class="code">${loginId}</span><small><bdi>${user.name}</bdi></small></h1>${summary(desk, { user, locks, method })}<h2>${words.tell}</h2><p>${words.guides[guideOf(desk, { user, locks, certificates, method: contract?.loginMethod })]}</p></section>
${certificateTable(desk, newestFirst)}${await historySection(desk, `login:${loginId}`)}</div>
<div><section class="card"><h2>${words.acts}</h2>${desk.mayAct ? userActs(desk, { user, locks }) : html`<p>${words.actsNone}</p>`}</section></div></div>`
  return counterPage(desk, { title: `${words.user} ${loginId}`, body })
}

/** Throws GatewayError `admin_not_found`, naming login IDs spelled alike. */
export async function findUser({ services }: Desk, loginId: string): Promise<User> {
  const user = await services.lifecycle.store.user(loginId)
  if (user !== undefined) return user
  await checkLoginId(loginId, { path: 'id', ports: services.lifecycle })
  throw new GatewayError('admin_not_found', 'Cannot find the login ID as there is no directory here', { path: 'id' })
}

function summary(desk: Desk, { user, locks, method }: { user: User; locks: Locks; method: string | undefined }): Html {
  const { words } = desk
  const lockOf = (untilMs: number | undefined) =>
    untilMs === undefined
      ? words.notLocked
      : html`<span class="state locked">${fill(words.lockedUntil, { until: desk.moment(untilMs) })}</span>`
  return html`<dl><dt>${words.role}</dt><dd>${words[user.role]}</dd><dt>${words.state}</dt><dd><span class="state ${user.state === 'active' ? 'valid' : 'suspended'}">${words[user.state]}</span></dd>
<dt>${words.locks}</dt><dd>${words.loginPassword} ${lockOf(locks.login)}<br>${words.confirmationPassword} ${lockOf(locks.confirmation)}</dd>
${method !== undefined && html`<dt>${words.method}</dt><dd>${method}</dd>`}<dt>${words.email}</dt><dd><bdi>${user.email === undefined || user.email === '' ? '–' : user.email}</bdi></dd></dl>`
}

type Known = {
  readonly user: User
  readonly locks: Locks
  readonly certificates: readonly RecordedCertificate[]
  readonly method: LoginMethod | undefined
}

/** What keeps the user out first, in the order in which it has to be put right. */
function guideOf({ words, services }: Desk, { user, locks, certificates, method }: Known): keyof typeof words.guides {
  if (user.state === 'suspended') return 'suspended'
  if (locks.login !== undefined || locks.confirmation !== undefined) return 'locked'
  if (method === 'password') return 'password'
  const nowMs = services.lifecycle.nowMs()
  const states = certificates.map((certificate) => certificateStateOf(certificate, nowMs))
  if (states.includes('current')) return 'current'
  return states.includes('issued') ? 'issued' : 'none'
}

type Row = { readonly certificate: RecordedCertificate; readonly span: SeenSpan | undefined }

function certificateTable(desk: Desk, rows: readonly Row[]): Html {
  const { words } = desk
  const table = html`<div class="rows scroll"><table><thead><tr><th scope="col">${words.state}</th><th scope="col">${words.serial}</th><th scope="col">${words.issuer}</th><th scope="col">${words.validity}</th><th scope="col">${words.seen}</th></tr></thead>
<tbody>${rows.map((row) => certificateRow(desk, row))}</tbody></table></div>`
  return html`<section class="card" aria-labelledby="certificates"><h2 id="certificates">${words.certificates}</h2>${rows.length === 0 ? html`<p>${words.noCertificates}</p>` : table}</section>`
}

function certificateRow(desk: Desk, { certificate, span }: Row): Html {
  const { words, services } = desk
  const { issuer, serial } = nameCertificate(certificate.key, services.lifecycle.issuers)
  const { notBeforeMs, notAfterMs } = certificate
  const state = certificateStateOf(certificate, services.lifecycle.nowMs())
  const seen =
    span === undefined
      ? words.seenNever
      : html`${fill(words.seenText, { first: desk.moment(span.firstMs) })}<br>${fill(words.seenLast, { last: desk.moment(span.lastMs) })}`
  return html`<tr><td data-label="${words.state}">${certificateMark(desk, { state, notAfterMs })}</td><td data-label="${words.serial}"><span class="code">${writeSerial(serial)}</span></td><td data-label="${words.issuer}">${issuer}</td>
<td class="whole" data-label="${words.validity}"><span>${desk.day(notBeforeMs)}<br>～ <strong>${desk.day(notAfterMs)}</strong></span></td><td class="whole" data-label="${words.seen}"><span>${seen}</span></td></tr>`
}

function userActs(desk: Desk, { user, locks }: { user: User; locks: Locks }): Html {
  const locked = locks.login !== undefined || locks.confirmation !== undefined
  const subject = user.loginId
  return html`${actBlock(desk, { act: 'revoke', subject, general: user.role === 'general' })}${locked && actBlock(desk, { act: 'unlock', subject })}${actBlock(desk, { act: user.state === 'active' ? 'suspend' : 'reinstate', subject })}`
}
