import { GatewayError } from '../base/errors.ts'
import { describeCertificate, type UserCertificate } from './contract-users.ts'
import { type CertificateName, nameCertificate, resolveCertificate } from './issuer-names.ts'
import type { LifecyclePorts, RecordedCertificate } from './ports.ts'
import { checkLoginId } from './revoke.ts'

/** A certificate as the directory has it, with what became of it. */
export type KnownCertificate = UserCertificate & {
  readonly loginId: string
  readonly issuerId: string
  /** At a door. Unit: milliseconds since the epoch; left out: never, as far as is known. */
  readonly firstSeenMs?: number
}

/**
 * Every certificate recorded for a login ID, the newest first, expired and revoked ones too. Throws GatewayError `admin_not_found` for
 * a login ID that is not there, `store_unavailable`.
 */
export async function listUserCertificates(
  loginId: string,
  ports: LifecyclePorts,
): Promise<readonly KnownCertificate[]> {
  await checkLoginId(loginId, { path: 'loginId', ports })
  const recorded = await ports.store.certificatesOf(loginId, 0)
  const newestFirst = recorded.toSorted((left, right) => right.recordedVersion - left.recordedVersion)
  return await describeAll(newestFirst, ports)
}

/**
 * One certificate by issuer and serial number. Throws GatewayError `admin_not_found` where none is recorded, `admin_request_invalid` and
 * `serial_invalid` for names that cannot be used, `store_unavailable`.
 */
export async function findCertificate(name: CertificateName, ports: LifecyclePorts): Promise<KnownCertificate> {
  const key = resolveCertificate(name, { issuers: ports.issuers })
  const recorded = await ports.store.recordedCertificate(key)
  const [found] = recorded === undefined ? [] : await describeAll([recorded], ports)
  if (found !== undefined) return found
  const { issuer, serial } = nameCertificate(key, ports.issuers)
  throw new GatewayError('admin_not_found', `Cannot find the certificate: current value is ${issuer} ${serial}`, {
    path: 'serial',
  })
}

async function describeAll(
  recorded: readonly RecordedCertificate[],
  ports: LifecyclePorts,
): Promise<readonly KnownCertificate[]> {
  const nowMs = ports.nowMs()
  const spans = await ports.store.sightings(recorded.map(({ key }) => key))
  return recorded.map((certificate, position) => {
    const span = spans[position]
    return {
      loginId: certificate.loginId,
      issuerId: nameCertificate(certificate.key, ports.issuers).issuerId,
      ...describeCertificate(certificate, { span, nowMs, ports }),
      ...(span === undefined ? {} : { firstSeenMs: span.firstMs }),
    }
  })
}
