import { systemClock } from './base/clock.ts'
import type { GatewayConfig, IssuerConfig, SignerConfig } from './config/gateway-config.ts'
import type { CertificateMaker } from './lifecycle/certificate-maker.ts'
import type { IssuingInUse } from './lifecycle/ports.ts'
import { enrolAt } from './signing/enrol-at.ts'
import { createFileSigner } from './signing/file-signer.ts'
import { createTokenSigner } from './signing/token-signer.ts'
import { formOpinion } from './trust/certificate-opinion.ts'
import { parseCertificateProfile } from './x509/certificate-profile.ts'
import { type IssuingCa, readIssuingCa } from './x509/issuing-ca.ts'

/** What the libraries of a token find their own configuration by. */
const tokenVariables = /^(HOME|PATH|LD_LIBRARY_PATH|SOFTHSM2_CONF|PKCS11_.*|OPENSC_.*)$/

type IssuingSettings = Pick<GatewayConfig, 'issuing' | 'issuers' | 'doors' | 'certificates'>

/**
 * The CA that issues under this configuration; undefined: none. `env`: of which a token's libraries get what they need. Throws
 * GatewayError `config_invalid` for a profile or key that cannot be used.
 */
export function createIssuing(
  config: IssuingSettings,
  env: Readonly<Record<string, string | undefined>>,
): IssuingInUse | undefined {
  const { issuing, issuers } = config
  if (issuing === undefined) return undefined
  const ca = readIssuingCa(issuers.find(({ name }) => name === issuing.issuer) as IssuerConfig, systemClock.nowMs())
  const profile = parseCertificateProfile(issuing)
  return { config: issuing, ca, profile, maker: createMaker(issuing.signer, ca, { config, env }) }
}

function createMaker(
  signer: SignerConfig,
  ca: IssuingCa,
  { config, env }: { config: IssuingSettings; env: Readonly<Record<string, string | undefined>> },
): CertificateMaker {
  switch (signer.kind) {
    case 'file':
      return { kind: 'own', signer: createFileSigner(signer) }
    case 'pkcs11': {
      const isWanted = (name: string) => tokenVariables.test(name) || signer.environment.includes(name)
      const environment = Object.fromEntries(Object.entries(env).filter(([name]) => isWanted(name)))
      return { kind: 'own', signer: createTokenSigner({ ...signer, environment }, ca.certificate.publicKeyDer) }
    }
    case 'est': {
      const { caPem = '', ...rest } = signer
      return {
        kind: 'other',
        enrol: (requestDer) => enrolAt({ ...rest, caPem, issuer: ca }, requestDer),
        doorFault: (der, loginId) => doorFault(der, loginId, { config, ca }),
      }
    }
  }
}

/** Judged as at the doors that trust the CA, each with its own place for the login ID. */
function doorFault(
  der: Uint8Array,
  loginId: string,
  { config, ca }: { config: IssuingSettings; ca: IssuingCa },
): string | undefined {
  const { rsaBitsMin } = config.certificates
  const doors = config.doors.certificate.filter(({ issuers }) => issuers.includes(ca.name))
  let fault: string | undefined = `no door trusts ${ca.name}`
  for (const door of doors) {
    const opinion = formOpinion(der, { issuers: [ca], loginId: door.loginId, rsaBitsMin })
    fault = opinion.fault?.detail
    if (fault === undefined && opinion.loginId !== loginId) {
      fault = opinion.loginId === undefined ? opinion.loginIdMissing : 'it names another login ID'
    }
    if (fault === undefined) return undefined
    fault = `at door ${door.name} ${fault}`
  }
  return fault
}
