import { type HeadFault, type HeadLimits, headMalformed } from './head-fault.ts'

/** A request line (RFC 9112 3), taken apart. */
export type RequestLine = {
  readonly method: string
  /** Origin form, or `*`. */
  readonly target: string
  /** Authority of an absolute-form target, not yet checked. */
  readonly authority: string | undefined
  readonly minorVersion: 0 | 1
  /** Place in the text after the CRLF of the line. */
  readonly end: number
}

// The usual line in one match. Of the bytes that RFC 3986 leaves out, those are taken that browsers send as they are:
// `|` and `^` anywhere, `{`, `}`, backtick and `\` too. A `\` in a path is refused, since some applications take it for `/`.
const path = String.raw`\/[!$%&'()*+,\-.\/0-9:;=@A-Z[\]^_\`a-z{|}~]*`
const query = String.raw`\?[!$%&'()*+,\-.\/0-9:;=?@A-Z[\\\]^_\`a-z{|}~]*`
const token = String.raw`[!#$%&'*+\-.^_\`|~0-9A-Za-z]+`
const usualLine = new RegExp(`${token} ${path}(?:${query})? HTTP\\/1\\.[01]\\r\\n`, 'y')
// ` HTTP/1.1` and CRLF.
const versionLength = 11
const anyLine = new RegExp(`^(${token}) ([!-~\\x80-\\xff]+) (HTTP\\/[0-9]\\.[0-9])\\r\\n`)
const originForm = new RegExp(`^${path}(?:${query})?$`)
const hostAndPort = /^(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/
const absoluteTarget = new RegExp(`^https?:\\/\\/([^\\/?]*)(${path})?(${query})?$`, 'i')

/**
 * Reads the request line at the beginning of `text`, which holds a whole head.
 * Faults: head_malformed, method_unknown, target_too_long, version_unsupported.
 */
export function readRequestLine(text: string, limits: HeadLimits): RequestLine | HeadFault {
  usualLine.lastIndex = 0
  if (!usualLine.test(text)) return readUnusualLine(text, limits)
  const end = usualLine.lastIndex
  const method = text.startsWith('GET ') ? 'GET' : text.slice(0, text.indexOf(' '))
  const target = text.slice(method.length + 1, end - versionLength)
  if (!isKnown(method, limits)) return methodUnknown()
  if (target.length > limits.targetBytesMax) return targetTooLong(limits)
  return {
    method,
    target,
    authority: undefined,
    minorVersion: text[end - 3] === '1' ? 1 : 0,
    end,
  }
}

/** Whether `target` is a path with an optional query (RFC 9112 3.2.1), in the bytes this gateway lets through. */
export function isOriginForm(target: string): boolean {
  return originForm.test(target)
}

/** Whether `text` is a host with an optional port, as Host and `:authority` must be; no user information. */
export function isAuthority(text: string): boolean {
  return hostAndPort.test(text)
}

/** Absolute form, asterisk form, and naming what is wrong with every other line. */
function readUnusualLine(text: string, limits: HeadLimits): RequestLine | HeadFault {
  const match = anyLine.exec(text)
  if (match === null) return headMalformed('The request line is not "method target version"')
  const [line, method = '', target = '', version = ''] = match
  if (!isKnown(method, limits)) return methodUnknown()
  if (version !== 'HTTP/1.0' && version !== 'HTTP/1.1') {
    return { fault: 'version_unsupported', detail: `The version is ${version}` }
  }
  if (target.length > limits.targetBytesMax) return targetTooLong(limits)
  const minorVersion = version === 'HTTP/1.1' ? 1 : 0
  const end = line.length
  if (target === '*') {
    if (method !== 'OPTIONS') return headMalformed('The target * is for OPTIONS only')
    return { method, target, authority: undefined, minorVersion, end }
  }
  const absolute = absoluteTarget.exec(target)
  if (absolute === null) return headMalformed('The target is neither a path nor an absolute http(s) URL')
  const [, authority = '', pathPart, queryPart] = absolute
  const rootTarget = method === 'OPTIONS' && queryPart === undefined ? '*' : '/'
  return { method, target: (pathPart ?? rootTarget) + (queryPart ?? ''), authority, minorVersion, end }
}

function isKnown(method: string, limits: HeadLimits): boolean {
  return limits.knownMethods.has(method) && method !== 'CONNECT'
}

// The method is not quoted: what stands there may be anything, a password typed into the wrong window included.
function methodUnknown(): HeadFault {
  return { fault: 'method_unknown', detail: 'The method is not one that is let through' }
}

function targetTooLong(limits: HeadLimits): HeadFault {
  return { fault: 'target_too_long', detail: `Target longer than ${limits.targetBytesMax} bytes` }
}
