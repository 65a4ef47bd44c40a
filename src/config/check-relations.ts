import { isAbsolute, normalize, sep } from 'node:path'
import { checkRanges } from './check-ranges.ts'
import type { ConfigFile, Limits } from './config-file.ts'
import type { FieldPath, ProblemList } from './problem-list.ts'

/** Notes limits that contradict each other. */
export function checkLimits(limits: Limits, problems: ProblemList): void {
  const atMost = (name: keyof Limits, bound: keyof Limits) => {
    if (limits[name] <= limits[bound]) return
    problems.add(['limits', name], { expected: `at most limits.${bound}, which is ${limits[bound]}` })
  }
  if (limits.headBytesMax <= limits.targetBytesMax) {
    const expected = `more than limits.targetBytesMax, which is ${limits.targetBytesMax}`
    problems.add(['limits', 'headBytesMax'], { expected })
  }
  atMost('unauthenticatedConnectionsMax', 'connectionsMax')
  atMost('unauthenticatedPerAddressMax', 'unauthenticatedConnectionsMax')
  atMost('http2StreamWindowBytes', 'http2ConnectionWindowBytes')
}

/** Notes freshness rules that contradict each other, and warns where stale data is served. */
export function checkRevocation(revocation: ConfigFile['revocation'], problems: ProblemList): void {
  const stalenessMs = revocation.maxStalenessSeconds * 1_000
  if (revocation.pollMs >= stalenessMs) {
    const expected = `less than revocation.maxStalenessSeconds, which is ${stalenessMs} ms`
    problems.add(['revocation', 'pollMs'], { expected })
  }
  if (!revocation.insecureServeWhenStale) return
  if (problems.written(['revocation', 'whenStale']) !== undefined) {
    const reason = 'revocation.whenStale says the opposite; leave one of them out'
    problems.add(['revocation', 'insecureServeWhenStale'], { expected: 'a field beside whenStale', reason })
  }
  problems.warn('revocation.insecureServeWhenStale is on: with stale data, certificates revoked since are admitted')
}

/**
 * The rule on certificates as it holds with this directory: nothing can be registered where there is no directory.
 * Notes `mustBeRegistered: true` that is asked for and cannot be kept.
 */
export function checkCertificates(
  certificates: ConfigFile['certificates'],
  directory: ConfigFile['directory'],
  problems: ProblemList,
): ConfigFile['certificates'] {
  if (directory !== 'none') return certificates
  const path = ['certificates', 'mustBeRegistered']
  if (problems.written(path) === true) {
    problems.add(path, {
      expected: 'false, or left out',
      reason: 'directory is none, so that nothing can be registered',
    })
  }
  return { ...certificates, mustBeRegistered: false }
}

/**
 * Notes logins that are asked for without the directory that says whose they are, and paths that stand there twice. Warns where a
 * switch to certificate mode would not reach everybody.
 */
export function checkLoginRequests(
  { doors, directory, identity }: Pick<Partial<ConfigFile>, 'doors' | 'directory' | 'identity'>,
  problems: ProblemList,
): void {
  const path = ['doors', 'public', 'loginRequests']
  const { loginRequests = [], insecurePassUnknownLoginIds = false } = doors?.public ?? {}
  if (insecurePassUnknownLoginIds) {
    problems.warn(
      'doors.public.insecurePassUnknownLoginIds is on: an application that does not compare login IDs octet by octet lets users of contracts in certificate mode in without a certificate',
    )
  }
  if (loginRequests.length === 0) return
  if (directory === 'none') {
    const reason = 'directory is none, so that nobody knows whose contract is in which mode'
    problems.add(path, { expected: 'an empty list, or left out', reason })
  }
  const paths = loginRequests.map((request) => request.path.toLowerCase())
  for (const [index, written] of paths.entries()) {
    if (paths.indexOf(written) < index)
      problems.add([...path, index, 'path'], { expected: 'a path that stands there once, whatever its case' })
  }
  if (identity?.sealCookies.length === 0) {
    problems.warn(
      'doors.public.loginRequests without identity.sealCookies: sessions that a password has begun go on after their contract is switched to certificate mode',
    )
  }
}

/** Notes a sealing key that is not 32 bytes, and cookies named twice. */
export function checkIdentity(identity: ConfigFile['identity'], problems: ProblemList): void {
  const key = identity.sealingKey
  if (key !== undefined) {
    const bytes = Buffer.from(key, 'base64')
    if (bytes.length !== 32 || bytes.toString('base64') !== key) problems.add(['identity', 'sealingKey'], {})
  }
  checkRepeats(identity.sealCookies, ['identity', 'sealCookies'], problems)
}

/** Methods that would take the request out of the gateway's hands: a tunnel, HTTP/2's preface, an echo of our headers. */
const refusedMethods: readonly string[] = ['CONNECT', 'PRI', 'TRACE']

/**
 * The section with every trusted range as `address/prefix` and every origin as browsers send it. Notes what is no range, covers
 * everyone, is no method or no origin.
 */
export function checkHttp(http: ConfigFile['http'], problems: ProblemList): ConfigFile['http'] {
  for (const [index, method] of http.extraMethods.entries()) {
    if (refusedMethods.includes(method)) problems.add(['http', 'extraMethods', index], {})
  }
  checkRepeats(http.extraMethods, ['http', 'extraMethods'], problems)
  const path = ['http', 'trustedForwarders']
  const harm = 'it would let anyone say where a request came from'
  return {
    ...http,
    trustedForwarders: checkRanges(http.trustedForwarders, path, { harm, problems }),
    webSocketOrigins: checkOrigins(http.webSocketOrigins, problems),
  }
}

/** Origins as browsers send them (RFC 6454 6.2): lower case, no default port. */
function checkOrigins(written: readonly string[], problems: ProblemList): string[] {
  const path = ['http', 'webSocketOrigins']
  const origins = written.map((text, index) => {
    const url = URL.parse(text)
    const isOrigin = url !== null && /^https:\/\/[^/?#@\\\s]+$/i.test(text)
    if (!isOrigin) problems.add([...path, index], {})
    return isOrigin ? url.origin : text
  })
  checkRepeats(origins, path, problems)
  return origins
}

/** Notes addresses of pages that a browser must not follow, such as `javascript:`. */
export function checkInstitution(institution: ConfigFile['institution'], problems: ProblemList): void {
  for (const name of ['helpUrl', 'issueUrl'] as const) {
    const written = institution[name]
    if (written === undefined || /^\/(?![/\\])\S*$/.test(written)) continue
    const url = URL.parse(written)
    const isWeb = url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === ''
    if (!isWeb || /\s/.test(written)) problems.add(['institution', name], {})
  }
}

/** Notes a time zone this Node does not know, and an audit log outside the state folder. */
export function checkGeneral(general: { timeZone?: string; auditFile?: string }, problems: ProblemList): void {
  if (general.timeZone !== undefined) {
    try {
      new Intl.DateTimeFormat('en', { timeZone: general.timeZone })
    } catch {
      problems.add(['timeZone'], {})
    }
  }
  if (general.auditFile === undefined) return
  const file = normalize(general.auditFile)
  if (isAbsolute(file) || file === '.' || file.split(sep)[0] === '..' || file.endsWith(sep)) {
    problems.add(['auditLog', 'file'], {})
  }
}

/** Notes every text that stood in the list before. */
export function checkRepeats(texts: readonly string[], path: FieldPath, problems: ProblemList): void {
  for (const [index, text] of texts.entries()) {
    if (texts.indexOf(text) < index) problems.add([...path, index], { expected: 'an entry that stands there once' })
  }
}
