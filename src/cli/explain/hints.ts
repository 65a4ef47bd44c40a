import { type FaultCode, faults } from '../../base/errors.ts'
import type { DenialReason } from '../../trust/denial.ts'
import { type Fate, isDenial } from './fate.ts'

/** Where an operator goes on, a command where there is one; `{loginId}` and `{serial}` are filled in. */
const denialHints: Readonly<Record<DenialReason, string>> = {
  certificate_missing:
    'The browser sent none: expired ones are not offered. When do they end: sekisho certificates list --login-id ID',
  certificate_unreadable: 'Have the certificate sent to you and look at it: sekisho inspect FILE',
  issuer_not_trusted: 'Which CAs the door takes: sekisho issuers. If it is one of ours, its file is missing in issuers',
  key_too_weak: 'It needs a new certificate; the limits stand under certificates in config/README.md',
  usage_not_allowed: 'It is made for something else; sekisho inspect FILE tells its extended key usage',
  certificate_not_yet_valid: 'Compare the clocks of the gateway and the CA: sekisho doctor',
  certificate_expired: 'Whether there is a newer one: sekisho certificates list --login-id {loginId}',
  certificate_revoked:
    'Who revoked it, when and why: sekisho list --login-id {loginId}; a rule may cover it: sekisho rules',
  login_id_missing: 'Where the login ID is looked for: loginId of the door in the configuration; sekisho inspect FILE',
  login_id_unknown: 'The directory does not know {loginId}: sekisho users import, if it should',
  certificate_not_registered:
    'Nothing is recorded of it: sekisho certificates list --login-id {loginId}; users import registers',
  certificate_superseded:
    'The newer one: sekisho certificates list --login-id {loginId}; the user has to choose that one',
  user_suspended: 'Who suspended the user and why stands in the audit log: user_suspended; the counter page reinstates',
  contract_not_in_certificate_mode: 'If that is wrong: sekisho contracts switch CONTRACT --method certificate …',
  trust_data_stale: 'The gateway had lost the store: sekisho status, sekisho doctor (Store)',
}

/** Of faults on the client's side: where an operator can do something about it, or a user needs help. */
const clientHints: Readonly<Partial<Record<FaultCode, string>>> = {
  body_too_large: 'If such uploads are wanted: bodyBytesMax of the route, else limits.bodyBytesMax',
  certificate_exists:
    'The user holds a valid one: renewal (更新), or revocation first: sekisho certificates list --login-id ID',
  certificate_limit_reached: 'How many the contract may hold: sekisho contracts show CONTRACT',
  code_invalid: 'The user starts again on the page for getting a certificate: codes live for minutes',
  connection_limit:
    'Too many connections that were not permitted yet: saturation in the overview board, limits in the configuration',
  head_too_large:
    'Cookies have grown too large, as a rule: the user deletes those of this site; else limits.headBytesMax',
  host_mismatch:
    'If users should reach the door by the host above: hostNames of the door, and its server certificate. If not: another name led here (DNS, a proxy, one connection used for two sites)',
  login_locked: 'Too many wrong passwords: sekisho users show ID; sekisho users unlock ID after checking who calls',
  login_refused: 'Login ID or password was wrong: sekisho users show ID tells whether the login ID exists',
  login_throttled:
    'Too many tries from this address or for this login ID: wait a little; if nobody knows of any, tell the security team',
  method_not_allowed: 'If the application needs the method: methods of the route',
  not_certificate_mode: 'The contract logs in with passwords: sekisho contracts switch CONTRACT --method certificate …',
  path_ambiguous: 'If the application needs such paths: http.encodedSlashes, http.dotSegments in config/README.md',
  renewal_not_due:
    'When renewal begins: issuing.renewalDays; when this one ends: sekisho certificates list --login-id ID',
  request_not_found:
    'No route takes this host and path: routes in the configuration; sekisho config check shows where requests go',
  upgrade_limit: 'Too many WebSockets of this user: limits.webSocketsPerUserMax',
  upgrade_origin_mismatch: 'If that page may open WebSockets: webSocketOrigins of the route',
}

/** What an operator looks at next where a door refuses for this reason. */
export function denialHint(reason: DenialReason, known: { loginId?: string; serial?: string }): string {
  return fill(denialHints[reason], known)
}

/** What to look at next; undefined: nothing is wrong. */
export function hintOf({ kind, outcome }: Fate, known: { loginId?: string; serial?: string }): string | undefined {
  if (isDenial(outcome)) return denialHint(outcome, known)
  if (outcome === 'login_method_mismatch')
    return 'The contract was switched to certificates; the user needs one now (発行)'
  if (kind === 'left' || kind === 'ended')
    return 'If it happens often: timeouts and balancers between client and gateway'
  if (!Object.hasOwn(faults, outcome)) return undefined
  switch (faults[outcome as FaultCode].origin) {
    case 'upstream':
      return 'The application: sekisho doctor (Upstreams), its own log at that time under the same request id'
    case 'operator':
      return 'sekisho doctor, and the log of the gateway at that time'
    case 'gateway':
      return 'The log of the gateway at that time (journalctl -u sekisho)'
    case 'client':
      return clientHints[outcome as FaultCode]
  }
}

function fill(hint: string, { loginId = 'ID', serial = 'HEX' }: { loginId?: string; serial?: string }): string {
  return hint.replaceAll('{loginId}', loginId).replaceAll('{serial}', serial)
}
