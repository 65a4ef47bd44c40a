import { type ExpiryNotice, noticeFor } from '../lifecycle/notice-step.ts'
import type { CertificateVisitor } from './portal-call.ts'
import type { PortalServices } from './portal-services.ts'

/** What a visitor is told about the expiry of their certificate now (R10, R11). */
export async function visitorNotice(visitor: CertificateVisitor, services: PortalServices): Promise<ExpiryNotice> {
  const days = await services.noticeDays(visitor.contractId)
  return noticeFor(visitor.certificate, {
    nowMs: services.lifecycle.nowMs(),
    timeZone: services.timeZone,
    days,
    renewalDueDays: services.renewalDueDays(),
  })
}
