import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../../base/errors.ts'
import { readBody } from '../request-body.ts'

const mediaType = /^application\/x-www-form-urlencoded *(;|$)/i

/**
 * The fields of a form (application/x-www-form-urlencoded). Reads these names alone; a field that is missing is empty. Throws
 * GatewayError `admin_request_invalid` unless it comes from a page of this very origin: browsers say so with every form (RFC 6454), and
 * an operator's certificate is added to whatever another page sends. Also for another media type, for text that is no UTF-8, and for a
 * field given twice.
 */
export async function readForm<Name extends string>(
  request: IncomingMessage,
  names: readonly Name[],
): Promise<{ readonly [name in Name]: string }> {
  const { origin, host = '', 'content-type': type = 'none' } = request.headers
  if (origin === undefined || origin !== `https://${host}`) throw invalid('it does not come from a page of the counter')
  if (!mediaType.test(type)) throw invalid(`its type is ${JSON.stringify(type.slice(0, 60))}`)
  const sent = new URLSearchParams((await readBody(request)).toString('latin1'))
  const read = names.map((name) => {
    const [value = '', ...more] = sent.getAll(name)
    if (more.length > 0) throw invalid(`the field ${name} stands in it twice`)
    // What the decoder could not read as UTF-8 has become this.
    if (value.includes('\ufffd')) throw invalid(`the field ${name} is no UTF-8`)
    return [name, value] as const
  })
  return Object.fromEntries(read) as { [name in Name]: string }
}

function invalid(reason: string): GatewayError {
  return new GatewayError('admin_request_invalid', `Cannot take the form as ${reason}`)
}
