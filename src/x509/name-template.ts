import { GatewayError } from '../base/errors.ts'
import type { WritableName } from './build-certificate.ts'
import type { NameAttribute } from './client-certificate.ts'
import { oids } from './oids.ts'

/** Who a certificate is for. */
export type Holder = { readonly loginId: string; readonly contractId: string }

/** One attribute or alternative name with its placeholders. */
export type NameTemplate = {
  /** OID of an attribute; of an alternative name its kind. */
  readonly type: string
  readonly text: string
  readonly rule: ValueRule
}

type ValueRule = {
  /** As it is written in front of the text, for messages. */
  readonly label: string
  /** Unit: characters (RFC 5280 appendix A.1, upper bounds). */
  readonly charactersMax: number
  readonly pattern: RegExp
  readonly expected: string
}

// No control characters, no unassigned halves of characters; blanks within only.
const textRule = { pattern: /^[^\s\p{C}](?:[^\p{C}]*[^\s\p{C}])?$/u, expected: 'text without control characters' }
const printable = {
  pattern: /^[A-Za-z0-9 '()+,\-./:=?]+$/,
  expected: "letters, digits and '()+,-./:=? (PrintableString)",
}

/** Attributes that a subject may have, by their short names. */
const attributeRules: Readonly<Record<string, ValueRule & { readonly oid: string }>> = {
  C: {
    oid: oids.countryName,
    label: 'C',
    charactersMax: 2,
    pattern: /^[A-Z]{2}$/,
    expected: 'two capital letters (ISO 3166)',
  },
  ST: { oid: oids.stateOrProvinceName, label: 'ST', charactersMax: 128, ...textRule },
  L: { oid: oids.localityName, label: 'L', charactersMax: 128, ...textRule },
  O: { oid: oids.organizationName, label: 'O', charactersMax: 64, ...textRule },
  OU: { oid: oids.organizationalUnitName, label: 'OU', charactersMax: 64, ...textRule },
  CN: { oid: oids.commonName, label: 'CN', charactersMax: 64, ...textRule },
  serialNumber: { oid: oids.serialNumber, label: 'serialNumber', charactersMax: 64, ...printable },
}

const uriPattern = /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+$/
const mailPattern = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/
const altNameRules: Readonly<Record<string, ValueRule>> = {
  uri: { label: 'uri', charactersMax: 512, pattern: uriPattern, expected: 'a URI' },
  email: { label: 'email', charactersMax: 255, pattern: mailPattern, expected: 'an e-mail address' },
  upn: { label: 'upn', charactersMax: 255, ...textRule },
}

/** Parses `O=Sample Bank`. Throws GatewayError `config_invalid` with this path, see `parseCertificateProfile`. */
export function parseAttribute(written: string, path: string): NameTemplate {
  const { label, text } = split(written, '=')
  const rule = Object.hasOwn(attributeRules, label) ? attributeRules[label] : undefined
  if (rule === undefined) throw refused(written, path, `one of ${Object.keys(attributeRules).join(', ')} and =`)
  return checked({ type: rule.oid, text, rule }, written, path)
}

/** Parses `uri:urn:example:{loginId}`. Throws GatewayError `config_invalid` with this path. */
export function parseAltName(written: string, path: string): NameTemplate {
  const { label, text } = split(written, ':')
  const rule = Object.hasOwn(altNameRules, label) ? altNameRules[label] : undefined
  if (rule === undefined) throw refused(written, path, `one of ${Object.keys(altNameRules).join(', ')} and :`)
  return checked({ type: label, text, rule }, written, path)
}

/** The attribute with this user's values. Throws GatewayError `login_id_invalid` when they do not fit. */
export function renderAttribute(template: NameTemplate, holder: Holder): NameAttribute {
  return { oid: template.type, value: render(template, holder) }
}

/** The alternative name with this user's values. Throws GatewayError `login_id_invalid` when they do not fit. */
export function renderAltName(template: NameTemplate, holder: Holder): WritableName {
  const value = render(template, holder)
  switch (template.type) {
    case 'uri':
    case 'email':
      return { kind: template.type, value }
    default:
      return { kind: 'otherName', oid: oids.userPrincipalName, value }
  }
}

/** As the doors read it (`trust/login-id.ts`): nothing that could look like another one. */
const loginIdPattern = /^[\x21-\x7e]{1,64}$/
const placeholder = /\{([^{}]*)\}/g

function render({ text, rule }: NameTemplate, { loginId, contractId }: Holder): string {
  const value = text.replace(placeholder, (_, name) => (name === 'loginId' ? loginId : contractId))
  const fault = loginIdPattern.test(loginId)
    ? valueFault(value, rule)
    : 'a login ID is 1 to 64 visible ASCII characters'
  if (fault === undefined) return value
  const shown = JSON.stringify(value.slice(0, 100))
  throw new GatewayError(
    'login_id_invalid',
    `Cannot put the user into ${rule.label} of a certificate as ${fault}: current value is ${shown}`,
  )
}

function checked(template: NameTemplate, written: string, path: string): NameTemplate {
  const names = Array.from(template.text.matchAll(placeholder), ([, name]) => name)
  if (
    names.some((name) => name !== 'loginId' && name !== 'contractId') ||
    /[{}]/.test(template.text.replace(placeholder, ''))
  ) {
    throw refused(written, path, 'no placeholders but {loginId} and {contractId}')
  }
  // A placeholder stands for at least one character, and any character that fits every rule but that of C.
  const shortest = template.text.replace(placeholder, template.rule.label === 'C' ? '{}' : 'A')
  const fault = valueFault(shortest, template.rule)
  if (fault !== undefined) throw refused(written, path, fault)
  return template
}

function valueFault(value: string, { charactersMax, pattern, expected }: ValueRule): string | undefined {
  const characters = [...value].length
  if (characters > charactersMax) return `at most ${charactersMax} characters are allowed and it has ${characters}`
  return pattern.test(value) ? undefined : `it must be ${expected}`
}

function split(written: string, separator: string): { label: string; text: string } {
  const at = written.indexOf(separator)
  return { label: written.slice(0, Math.max(at, 0)), text: written.slice(at + 1) }
}

function refused(written: string, path: string, expected: string): GatewayError {
  const shown = JSON.stringify(written.slice(0, 100))
  return new GatewayError('config_invalid', `Cannot use ${path} as it is: ${expected}: current value is ${shown}`, {
    path,
  })
}
