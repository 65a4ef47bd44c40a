import type { CertificateKey } from '../x509/certificate-key.ts'
import type { ClientCertificate } from '../x509/client-certificate.ts'
import type { Language } from './portal-texts.ts'

/** Who came through a certificate door, as the data path has judged. */
export type CertificateVisitor = {
  readonly loginId: string
  readonly contractId: string
  readonly role: 'master' | 'general'
  readonly certificateKey: CertificateKey
  readonly certificate: ClientCertificate
}

/** One request to the gateway's own pages. */
export type PortalCall = {
  /** HEAD counts as GET. */
  readonly method: 'GET' | 'POST'
  /** Without query, as it was sent. */
  readonly path: string
  readonly query: URLSearchParams
  /** Lower-case name. Undefined: the field is absent. */
  header(name: string): string | undefined
  /** Undefined on the public door: nobody is vouched for there. */
  readonly visitor: CertificateVisitor | undefined
  /** host:port under which the client came. */
  readonly authority: string
  readonly clientAddress: string
  readonly requestId: string
  /** By `?lang=`, then by the language cookie, then by Accept-Language. */
  readonly language: Language
  /** Value of a cookie. */
  cookie(name: string): string | undefined
  /** The whole body. Throws GatewayError `body_too_large` beyond the configured bound. */
  body(): Promise<Buffer>
}

export type PortalAnswer = {
  readonly status: number
  /** Without framing, date and what every page has; names as they are written. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly contentType: string
  readonly body: string | Uint8Array
  /** Runs when the answer has reached the client's kernel or the client has gone: for acts that end its connection (R15). */
  readonly afterwards?: () => Promise<void>
}

/** On which doors a page is. */
export type PortalDoor = 'public' | 'certificate' | 'both'

/**
 * One page or call. The server has checked by then that a POST comes from a page of this very origin, or, where `programs` may call,
 * from no page at all.
 */
export type PortalRoute<Services> = {
  readonly method: 'GET' | 'POST'
  /** Exact; a `*` at its end stands for one last segment. */
  readonly path: string
  readonly door: PortalDoor
  /** Called by programs, which send neither Origin nor Sec-Fetch-Site. Default false: browsers only. */
  readonly programs?: boolean
  handle(call: PortalCall, services: Services): Promise<PortalAnswer>
}
