import { hash } from 'node:crypto'
import type { Presented } from '../trust/admit.ts'
import type { CertificateUse, DirectoryAnswer } from '../trust/directory-answer.ts'
import type { Door } from './door.ts'

/**
 * What is to be noted of a certificate that was permitted with this answer of the directory, before its client is answered (R20).
 * Undefined: it was used before, or its use is nobody's concern. That it was seen is noted by the way.
 */
export function firstUseOf(
  presented: Presented | undefined,
  answer: DirectoryAnswer | 'unavailable' | undefined,
  { directory, recordsSeen, clock }: Pick<Door, 'directory' | 'recordsSeen' | 'clock'>,
): CertificateUse | undefined {
  if (presented?.kind !== 'certificate' || answer === undefined || answer === 'unavailable') return undefined
  const { key, loginId, certificate } = presented.opinion
  const isRecorded = answer.certificateRegistered
  if (answer.user === undefined || key === undefined || loginId === undefined) return undefined
  if (!isRecorded && !recordsSeen) return undefined
  directory?.noteSeen(key, clock.nowMs())
  if (isRecorded && answer.certificateUnused !== true) return undefined
  const { notBeforeMs, notAfterMs, publicKeyDer } = certificate
  const publicKeyHash = hash('sha256', publicKeyDer, 'base64url')
  return { loginId, certificateKey: key, isRecorded, notBeforeMs, notAfterMs, publicKeyHash }
}
