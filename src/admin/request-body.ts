import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { GatewayError } from '../base/errors.ts'

/** Room for ten thousand certificates in one call. */
const bodyBytesMax = 1_048_576
/** A body that is too large is read and dropped up to here, so that its sender gets to read the answer; then the connection ends. */
const discardedBytesMax = 16_777_216
const issuesShownMax = 10

/** Reads the body whole. Throws `admin_request_invalid` above 1 MiB. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > discardedBytesMax) break
      if (bytes <= bodyBytesMax) chunks.push(chunk)
      else chunks.length = 0
    }
  } catch (cause) {
    throw invalid('Cannot read the body: it ended early', { cause })
  }
  if (bytes > bodyBytesMax) throw invalid(`Cannot read a body above ${bodyBytesMax} bytes`)
  return Buffer.concat(chunks)
}

/** Throws `admin_request_invalid` unless the request says it carries JSON, which no HTML form can do, and does. */
export async function readJson<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw invalid('Cannot read the body: Content-Type must be application/json')
  const body = await readBody(request)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw invalid('Cannot read the body as JSON')
  }
  return check(value, schema)
}

/** Query parameters, each at most once. Throws `admin_request_invalid`. */
export function readQuery<T>(parameters: URLSearchParams, schema: z.ZodType<T>): T {
  const values: Record<string, string> = Object.create(null)
  for (const [name, value] of parameters) {
    if (values[name] !== undefined) throw invalid(`Cannot use ${name}: it is given twice`, { path: name })
    values[name] = value
  }
  return check({ ...values }, schema)
}

function check<T>(value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map((issue) => ({ path: showPath(issue.path), message: issue.message }))
  const lines = issues
    .slice(0, issuesShownMax)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  if (issues.length > issuesShownMax) lines.push(`and ${issues.length - issuesShownMax} more`)
  const path = issues[0]?.path
  throw invalid(`Cannot use the request: ${lines.join('; ')}`, path === undefined || path === '' ? {} : { path })
}

function showPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((shown, part) => {
    if (typeof part === 'number') return `${shown}[${part}]`
    return shown === '' ? String(part) : `${shown}.${String(part)}`
  }, '')
}

function invalid(message: string, options: { path?: string; cause?: unknown } = {}): GatewayError {
  return new GatewayError('admin_request_invalid', message, options)
}
