import { GatewayError } from '../base/errors.ts'
import type { PortalCall } from './portal-call.ts'

const mediaType = /^application\/x-www-form-urlencoded *(;|$)/i

/**
 * The fields of a form (application/x-www-form-urlencoded). Reads these names alone; a field that is missing is empty. Throws
 * GatewayError `body_malformed` for another media type, for text that is no UTF-8 and for a field given twice, and `body_too_large`.
 */
export async function readForm<Name extends string>(
  call: PortalCall,
  names: readonly Name[],
): Promise<{ readonly [name in Name]: string }> {
  const type = call.header('content-type') ?? 'none'
  const bytes = await call.body()
  if (!mediaType.test(type)) {
    const shown = JSON.stringify(type.slice(0, 60))
    throw malformed(`its type has to be application/x-www-form-urlencoded: current value is ${shown}`)
  }
  const fields = new URLSearchParams(bytes.toString('latin1'))
  const read = names.map((name) => {
    const [value = '', ...more] = fields.getAll(name)
    if (more.length > 0) throw malformed(`the field ${name} stands in it twice`)
    // What the decoder could not read as UTF-8 has become this.
    if (value.includes('\ufffd')) throw malformed(`the field ${name} is no UTF-8`)
    return [name, value] as const
  })
  return Object.fromEntries(read) as { [name in Name]: string }
}

function malformed(reason: string): GatewayError {
  return new GatewayError('body_malformed', `Cannot read the form as ${reason}`)
}
