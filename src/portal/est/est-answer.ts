import { GatewayError } from '../../base/errors.ts'
import { encodeEstBody } from '../../x509/certs-only.ts'
import type { PortalAnswer, PortalCall } from '../portal-call.ts'

/** When to come back after a refusal that passes. Unit: seconds. */
const retryAfterSeconds = { login_throttled: 60, otherwise: 10 } as const

/** RFC 8951 3: base64 in one body, whatever the transfer encoding says; older programs want to be told of it. */
export function base64Answer(der: Uint8Array, contentType: string): PortalAnswer {
  return {
    status: 200,
    headers: [
      ['Content-Transfer-Encoding', 'base64'],
      ['Cache-Control', 'no-store'],
    ],
    contentType,
    body: encodeEstBody(der),
  }
}

/** A refusal in one sentence for the person whose program asked, and the request id for whoever helps them. */
export function textAnswer(status: number, sentence: string, call: PortalCall): PortalAnswer {
  const id = call.requestId === '' ? '' : `Request id: ${call.requestId}\n`
  return {
    status,
    headers: [['Cache-Control', 'no-store']],
    contentType: 'text/plain; charset=utf-8',
    body: `${sentence}.\n${id}`,
  }
}

/**
 * What a program is told of a fault. 401 asks for HTTP Basic on the public door only: on the certificate door the certificate is what
 * counts, and no password helps. Who is unknown, who is suspended and whose password is wrong is told apart by nobody.
 */
export function faultAnswer(error: unknown, call: PortalCall): PortalAnswer {
  if (!(error instanceof GatewayError) || error.status === 500) {
    return textAnswer(500, 'Cannot answer as something went wrong inside the gateway', call)
  }
  if (error.status === 401) return call.visitor === undefined ? challenge(call) : textAnswer(403, error.message, call)
  const answer = textAnswer(error.status, error.message, call)
  if (error.status !== 429 && error.status !== 503) return answer
  const seconds = error.code === 'login_throttled' ? retryAfterSeconds.login_throttled : retryAfterSeconds.otherwise
  return { ...answer, headers: [...(answer.headers ?? []), ['Retry-After', String(seconds)]] }
}

function challenge(call: PortalCall): PortalAnswer {
  const shown = call.header('authorization') !== undefined
  const sentence = shown
    ? 'Cannot enrol as the login ID, or its password or one-time code, is not right'
    : 'Cannot enrol without a login ID and its login password or a one-time code (HTTP Basic)'
  const answer = textAnswer(401, sentence, call)
  const header = ['WWW-Authenticate', 'Basic realm="sekisho-est", charset="UTF-8"'] as const
  return { ...answer, headers: [...(answer.headers ?? []), header] }
}
