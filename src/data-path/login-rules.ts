import type { LoginRequestConfig } from '../config/gateway-config.ts'
import { foldFieldName } from './http1/field-class.ts'
import type { LoginBodyType } from './login-body.ts'
import { queryNames } from './login-field.ts'
import type { ForwardRequest } from './request-headers.ts'
import { matchedPath, otherReadings, type PathRules } from './request-path.ts'

/** A request that may log somebody in: how its body is to be read, or why it cannot be. */
export type LoginAttempt = { readonly rule: LoginRequestConfig } & (
  | { readonly kind: 'readable'; readonly type: LoginBodyType }
  | { readonly kind: 'unreadable'; readonly detail: string }
  | { readonly kind: 'too_large' }
)

/** Requests with them that have no body and no login ID in their query log nobody in: pages, their checks, the end of a session. */
const bodilessMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE'])

const types: ReadonlyMap<string, LoginBodyType> = new Map([
  ['application/x-www-form-urlencoded', 'form'],
  ['application/json', 'json'],
])
// Another charset would make other letters of the same bytes, and a parameter nobody knows may mean anything.
const contentType = /^([a-z0-9/.+-]+)(?:[\t ]*;[\t ]*charset=(?:utf-8|"utf-8"))?$/

/** Recognises requests that log somebody in with ID and password, in whatever way the application might recognise them. */
export class LoginRules {
  readonly #rules: readonly { readonly rule: LoginRequestConfig; readonly pattern: RegExp }[]
  readonly #paths: PathRules

  constructor(rules: readonly LoginRequestConfig[], paths: PathRules) {
    this.#rules = rules.map((rule) => ({ rule, pattern: patternOf(rule) }))
    this.#paths = paths
  }

  /** Undefined: it logs nobody in. */
  attempt(request: ForwardRequest): LoginAttempt | undefined {
    const rule = this.#find(request.target)
    if (rule === undefined) return undefined
    const { framing, method, target } = request
    const unreadable = (detail: string): LoginAttempt => ({ rule, kind: 'unreadable', detail })
    if (queryNames(target, rule.loginIdField)) return unreadable('the login ID stands in the query')
    if (request.webSocket) return unreadable('a login does not open a WebSocket')
    if (framing.kind === 'none' || (framing.kind === 'length' && framing.bytes === 0))
      return bodilessMethods.has(method) ? undefined : unreadable('the field of the login ID is missing')
    if (framing.kind === 'length' && framing.bytes > rule.bodyBytesMax) return { rule, kind: 'too_large' }
    const type = bodyType(request)
    return typeof type === 'string' ? { rule, kind: 'readable', type } : unreadable(type.unreadable)
  }

  #find(target: string): LoginRequestConfig | undefined {
    const path = matchedPath(target, this.#paths)
    if (path === undefined) return undefined
    const others = otherReadings(target)
    if (others.length === 0) return this.#rules.find(({ pattern }) => pattern.test(path))?.rule
    const readings = [path, ...others].map(plainPath)
    return this.#rules.find(({ pattern }) => readings.some((reading) => pattern.test(reading)))?.rule
  }
}

/** Escapes that `matchedPath` leaves decoded, and letters that fold to those of a path taken for them. */
function plainPath(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path).normalize('NFKD').replace(/\p{M}/gu, '').toUpperCase()
  } catch {
    return path
  }
}

/**
 * The path, with what applications leave out behind it: slashes, extensions, blanks, whatever begins with no letter, digit, `-` or `_`.
 */
function patternOf({ path, includeBelow }: LoginRequestConfig): RegExp {
  const plain = path === '/' ? '' : path.replace(/[.]/g, '\\.')
  const behind = includeBelow ? '(?:[^A-Za-z0-9_-].*)?' : '(?:[^/A-Za-z0-9_-][^/]*)?/*'
  return new RegExp(`^${plain}${behind}$`, 'is')
}

/**
 * How the body is to be read. A field that only looks like Content-Type counts as well, because gateways of applications (CGI) make
 * the same variable of it, and one that the Connection field takes away leaves the application to guess.
 */
function bodyType(request: ForwardRequest): LoginBodyType | { readonly unreadable: string } {
  const { fields, connectionNominated } = request
  let written: string | undefined
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] as string).toLowerCase()
    const plain = foldFieldName(name)
    if (plain === 'content-encoding') return { unreadable: 'the body is encoded' }
    if (plain !== 'content-type') continue
    if (written !== undefined || name !== plain || connectionNominated.includes(name))
      return { unreadable: 'what the body is, is said in two ways' }
    written = fields[at + 1] as string
  }
  const type = types.get(contentType.exec(written?.trim().toLowerCase() ?? '')?.[1] ?? '')
  return type ?? { unreadable: 'the body is of a type that is not read' }
}
