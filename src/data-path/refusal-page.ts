import type { FaultCode } from '../base/errors.ts'
import type { Denial } from '../trust/denial.ts'
import type { Door } from './door.ts'
import type { FieldList } from './http1/field-list.ts'
import { pagePreferences } from './page-preferences.ts'
import type { Page } from './ports.ts'

/** A page of the gateway's own and the fields that go with it. */
export type PageAnswer = { readonly page: Page; readonly fields: FieldList }

/** What a page says of the request it answers. */
export type PageSubject = {
  readonly requestId: string
  /** Empty where none could be read. */
  readonly host: string
  readonly fields: FieldList
}

/** The page that tells a refused user what to do. */
export function denialPage(door: Door, denial: Denial, request: PageSubject): PageAnswer {
  const page = door.pages.denial({
    denial,
    requestId: request.requestId,
    alternateAuthorities: door.alternateAuthorities,
    authority: request.host,
    ...pagePreferences(request.fields),
  })
  return { page, fields: pageFields(door, page, denial.reason === 'trust_data_stale') }
}

/** The page of a fault; `more` are fields that belong to it. */
export function faultPage(
  door: Door,
  code: FaultCode,
  request: PageSubject & { readonly more?: FieldList },
): PageAnswer {
  const page = door.pages.fault({
    code,
    requestId: request.requestId,
    certificateAuthorities: door.alternateAuthorities,
    ...pagePreferences(request.fields),
  })
  return { page, fields: [...pageFields(door, page, page.status === 503), ...(request.more ?? [])] }
}

/** A page that is no refusal. */
export function ownPage(door: Door, page: Page): PageAnswer {
  return { page, fields: pageFields(door, page, false) }
}

function pageFields(door: Door, page: Page, retryable: boolean): FieldList {
  const fields = [...door.pageFields, 'Content-Type', page.contentType, 'Date', door.date()]
  if (door.hsts !== undefined) fields.push('Strict-Transport-Security', door.hsts)
  if (retryable) fields.push('Retry-After', '5')
  return fields
}
