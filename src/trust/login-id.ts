import type { LoginIdSource } from '../config/gateway-config.ts'
import type { ClientCertificate } from '../x509/client-certificate.ts'

const commonNameOid = '2.5.4.3'

/** Visible ASCII, at most 64 characters: what fits a header field and a log line and leaves no look-alikes. */
const loginIdPattern = /^[\x21-\x7e]{1,64}$/

export type LoginIdFinding = { readonly loginId: string } | { readonly missing: string }

/**
 * The one login ID a certificate names (R2), from the place the door is configured to look at. None, several, or one
 * with control characters, blanks or non-ASCII letters is "missing", with the reason for operators.
 */
export function findLoginId(certificate: ClientCertificate, source: LoginIdSource): LoginIdFinding {
  const found = candidates(certificate, source)
  const [loginId] = found
  if (loginId === undefined) return { missing: `no ${describe(source)}` }
  if (found.length > 1) return { missing: `${found.length} values of ${describe(source)}` }
  if (!loginIdPattern.test(loginId)) return { missing: `${describe(source)} is not 1 to 64 visible ASCII characters` }
  return { loginId }
}

function candidates(certificate: ClientCertificate, source: LoginIdSource): string[] {
  switch (source.from) {
    case 'commonName':
      return attributeValues(certificate, commonNameOid)
    case 'subjectAttribute':
      return attributeValues(certificate, source.oid)
    case 'sanUri':
      return certificate.subjectAltNames.flatMap((name) =>
        name.kind === 'uri' && name.value.startsWith(source.prefix) ? [name.value.slice(source.prefix.length)] : [],
      )
    case 'sanOtherName':
      return certificate.subjectAltNames.flatMap((name) =>
        name.kind === 'otherName' && name.oid === source.oid && name.value !== undefined ? [name.value] : [],
      )
  }
}

function attributeValues(certificate: ClientCertificate, oid: string): string[] {
  return certificate.subject.flatMap((attribute) => (attribute.oid === oid ? [attribute.value] : []))
}

function describe(source: LoginIdSource): string {
  switch (source.from) {
    case 'commonName':
      return 'common name'
    case 'subjectAttribute':
      return `subject attribute ${source.oid}`
    case 'sanUri':
      return `SAN URI with prefix ${source.prefix}`
    case 'sanOtherName':
      return `SAN otherName ${source.oid}`
  }
}
