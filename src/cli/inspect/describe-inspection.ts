import { textsEn } from '../../portal/texts-en.ts'
import { type DenialReason, denialStatus } from '../../trust/denial.ts'
import { denialHint } from '../explain/hints.ts'
import { printable, textTable } from '../text-table.ts'
import type { Foreseen } from './foresee.ts'

/** What is asked at each step, so that "yes" is good. */
const questions: Readonly<Record<DenialReason, string>> = {
  certificate_missing: 'Is there a certificate?',
  certificate_unreadable: 'Can it be read, strictly?',
  issuer_not_trusted: 'Chain: did a CA of this door sign it, and is that one valid?',
  key_too_weak: 'Are its key and signature strong enough?',
  usage_not_allowed: 'Is it made for logging in (client authentication)?',
  certificate_not_yet_valid: 'Has its validity begun?',
  certificate_expired: 'Is it not expired?',
  certificate_revoked: 'Is it not revoked, by itself or by a rule?',
  login_id_missing: 'Does it name a login ID?',
  login_id_unknown: 'Does the directory know the login ID?',
  certificate_not_registered: 'Is it recorded for the login ID?',
  certificate_superseded: 'Is no newer one in use?',
  user_suspended: 'Is the user not suspended?',
  contract_not_in_certificate_mode: 'Does the contract log in with certificates?',
  trust_data_stale: 'Is what the gateway knows fresh enough?',
}

const results = { passed: 'yes', failed: 'NO', not_reached: '-', unknown: '?' } as const

/** The steps of one door, and its answer as the user would get it. `says`: whom the certificate names as its issuer. */
export function describeInspection(inspection: Foreseen, says: string | undefined): string {
  const { door, steps } = inspection
  const facts = [
    ['Login ID', inspection.loginId ?? '-'],
    [
      'Issuer',
      inspection.issuer ?? `none that is configured for this door${says === undefined ? '' : `; it says ${says}`}`,
    ],
    ['Serial', inspection.serial ?? '-'],
    ['Valid', `${inspection.notBefore ?? '-'} to ${inspection.notAfter ?? '-'}`],
  ].map(([name = '', value = '']) => `${name.padEnd(9)} ${printable(value)}\n`)
  const rows = steps.map(({ check, result, detail }) => [
    results[result],
    questions[check] ?? check,
    detail ?? (result === 'passed' ? factOf(check, inspection) : ''),
  ])
  return `${facts.join('')}\n${textTable(['', `STEPS OF DOOR ${door}`, ''], rows)}\n${answerOf(inspection)}`
}

/** What makes a "yes" one. */
function factOf(check: DenialReason, { issuer, loginId, notBefore, notAfter }: Foreseen): string {
  const known: Partial<Record<DenialReason, string | null>> = {
    issuer_not_trusted: issuer && `signed by ${issuer}`,
    certificate_not_yet_valid: notBefore && `since ${notBefore}`,
    certificate_expired: notAfter && `until ${notAfter}`,
    login_id_missing: loginId,
  }
  return known[check] ?? ''
}

function answerOf({ door, verdict, loginId, serial }: Foreseen): string {
  const name = `The door ${printable(door)}`
  if (verdict === 'permitted') return `${name} would permit it, as ${printable(loginId ?? 'nobody')}.\n`
  if (verdict === 'unknown') {
    return `${name} would permit it, as ${printable(loginId ?? 'nobody')}, unless one of the steps marked ? says no: only a gateway knows.\n`
  }
  const known = { ...(loginId !== null && { loginId }), ...(serial !== null && { serial }) }
  const { title } = textsEn.denial[verdict]
  return (
    `${name} would refuse it: ${verdict}.\n` +
    `User sees  status ${denialStatus(verdict)}, “${title}”\n` +
    `You do     ${printable(denialHint(verdict, known))}\n`
  )
}
