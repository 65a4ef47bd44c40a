import { checkRepeats } from './check-relations.ts'
import type { ConfigFile } from './config-file.ts'
import type { RouteConfig } from './gateway-config.ts'
import { hostField, normaliseHost } from './host-name.ts'
import { nearestName } from './nearest-name.ts'
import { type FieldPath, type ProblemList, showPath } from './problem-list.ts'
import { usualMethods } from './usual-methods.ts'

type WrittenRoute = NonNullable<ConfigFile['routes']>[number]
type RouteDoor = { readonly name: string; readonly hostNames: readonly string[]; readonly asksCertificate: boolean }
type RoutesContext = {
  readonly problems: ProblemList
  readonly upstreams: readonly string[]
  readonly doors: readonly RouteDoor[]
  /** Every method the doors let through. */
  readonly methods: readonly string[]
  readonly limits: ConfigFile['limits']
}
type RouteSources = Pick<ConfigFile, 'upstreams' | 'http' | 'limits'> & { readonly doors: ConfigFile['doors'] }

/** Labels that metrics use for what no route took. */
const reservedNames: readonly string[] = ['own', 'refused', 'portal', 'revoke', 'est', 'publication', 'pki', 'ocsp']

/**
 * The routes with everything filled in; `doors` with host names in one spelling. Notes names used twice or known nowhere, hosts and
 * methods its doors do not let through, routes that take the same requests, rules that mean nothing on their doors; warns of
 * upstreams and doors that no route leads to.
 */
export function readRoutes(
  section: ConfigFile['routes'],
  sources: RouteSources,
  problems: ProblemList,
): readonly RouteConfig[] {
  const context = contextOf(sources, problems)
  if (section === undefined) return defaultRoutes(context)
  checkNames(section, problems)
  const routes = section.map((written, index) => readRoute(written, ['routes', index], context))
  checkConflicts(routes, problems)
  warnOfUnused(routes, context)
  return routes
}

function contextOf(sources: RouteSources, problems: ProblemList): RoutesContext {
  const { doors, limits, http } = sources
  const known: RouteDoor[] = doors.certificate.map(({ name, hostNames }) => ({
    name,
    hostNames,
    asksCertificate: true,
  }))
  if (doors.public !== undefined)
    known.push({ name: doors.public.name, hostNames: doors.public.hostNames, asksCertificate: false })
  const upstreams = sources.upstreams.map(({ name }) => name)
  return { problems, limits, doors: known, upstreams, methods: [...usualMethods, ...http.extraMethods] }
}

function defaultRoutes(context: RoutesContext): RouteConfig[] {
  const [upstream = '', ...others] = context.upstreams
  if (others.length > 0) {
    const reason = `there are ${others.length + 1} upstreams, and which one answers must be plain`
    context.problems.add(['routes'], { expected: 'a list of at least 1 entry', reason })
  }
  if (reservedNames.includes(upstream)) {
    const reason = 'the one route there is takes its name, and routes may not be named so'
    context.problems.add(['upstreams', 0, 'name'], { expected: 'a name of an upstream without routes', reason })
  }
  const everything = { hosts: [], pathPrefix: '/', certificate: 'asDoor', webSocket: true } as const
  return [readRoute({ ...everything, name: upstream, upstream, hosts: [] }, ['routes', 0], context)]
}

function checkNames(section: readonly WrittenRoute[], problems: ProblemList): void {
  const taken = new Map<string, FieldPath>()
  const expected = 'a route name used once'
  for (const [index, { name }] of section.entries()) {
    const path = ['routes', index, 'name']
    const first = taken.get(name)
    if (first !== undefined) problems.add(path, { expected, reason: `${showPath(first)} has it too` })
    else if (reservedNames.includes(name)) problems.add(path, { expected, reason: 'that name is reserved' })
    else taken.set(name, path)
  }
}

function readRoute(written: WrittenRoute, path: FieldPath, context: RoutesContext): RouteConfig {
  const { limits } = context
  if (!context.upstreams.includes(written.upstream))
    context.problems.add([...path, 'upstream'], { reason: hint(written.upstream, context.upstreams) })
  const doors = doorsOf(written, path, context)
  const hosts = readHosts(written, path, { doors, problems: context.problems })
  checkMethods(written.methods, path, context)
  checkCertificateRule(written, path, { doors, problems: context.problems })
  return {
    name: written.name,
    doors: doors.map(({ name }) => name),
    hosts,
    pathPrefix: readPrefix(written.pathPrefix, path, context.problems),
    upstream: written.upstream,
    certificate: written.certificate,
    methods: written.methods,
    webSocket: written.webSocket,
    bodyBytesMax: written.bodyBytesMax ?? limits.bodyBytesMax,
    bodyIdleTimeoutMs: written.bodyIdleTimeoutMs ?? limits.bodyIdleTimeoutMs,
    upstreamResponseTimeoutMs: written.upstreamResponseTimeoutMs ?? limits.upstreamResponseTimeoutMs,
    webSocketIdleTimeoutMs: written.webSocketIdleTimeoutMs ?? limits.webSocketIdleTimeoutMs,
  }
}

function doorsOf(written: WrittenRoute, path: FieldPath, context: RoutesContext): readonly RouteDoor[] {
  const { doors, problems } = context
  if (written.doors === undefined) return doors
  checkRepeats(written.doors, [...path, 'doors'], problems)
  return written.doors.flatMap((name, index) => {
    const door = doors.find((known) => known.name === name)
    if (door !== undefined) return [door]
    const names = doors.map((known) => known.name)
    problems.add([...path, 'doors', index], { reason: hint(name, names) })
    return []
  })
}

function hint(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? `configured are ${known.join(', ')}` : `the nearest name is ${nearest}`
}

type RouteDoors = { readonly doors: readonly RouteDoor[]; readonly problems: ProblemList }

function readHosts(written: WrittenRoute, path: FieldPath, { doors, problems }: RouteDoors): string[] {
  const known = doors.flatMap(({ hostNames }) => hostNames)
  const hosts = written.hosts.map((text, index) => {
    const normal = normaliseHost(text)
    const host = normal === undefined ? text : hostField(normal)
    // Where no door is known that is the problem, and it has been noted.
    if (!known.includes(host) && known.length > 0)
      problems.add([...path, 'hosts', index], { reason: hint(host, known) })
    return host
  })
  checkRepeats(hosts, [...path, 'hosts'], problems)
  if (hosts.length === 0 || written.doors === undefined || !hosts.every((host) => known.includes(host))) return hosts
  for (const [index, name] of written.doors.entries()) {
    const door = doors.find((known) => known.name === name)
    if (door === undefined || hosts.some((host) => door.hostNames.includes(host))) continue
    const expected = 'a door that answers to one of the route’s hosts'
    problems.add([...path, 'doors', index], { expected, reason: `it answers to ${door.hostNames.join(', ')}` })
  }
  return hosts
}

function readPrefix(prefix: string, path: FieldPath, problems: ProblemList): string {
  if (prefix.split('/').some((segment) => segment === '.' || segment === '..'))
    problems.add([...path, 'pathPrefix'], { reason: 'it has a dot segment' })
  return prefix
}

function checkMethods(methods: readonly string[] | undefined, path: FieldPath, context: RoutesContext): void {
  for (const [index, method] of (methods ?? []).entries()) {
    if (context.methods.includes(method)) continue
    const reason = `they let through ${context.methods.join(', ')}; http.extraMethods adds to them`
    context.problems.add([...path, 'methods', index], { reason })
  }
  checkRepeats(methods ?? [], [...path, 'methods'], context.problems)
}

function checkCertificateRule(written: WrittenRoute, path: FieldPath, { doors, problems }: RouteDoors): void {
  if (written.certificate === 'asDoor' || doors.length === 0 || doors.some(({ asksCertificate }) => asksCertificate))
    return
  const at = [...path, 'certificate']
  if (written.certificate === 'required') {
    problems.warn(`${showPath(at)} is required and the only door is the public one: every request gets refused`)
  } else {
    const reason = 'its only door is the public one, which asks for none'
    problems.add(at, { expected: 'asDoor or required', reason })
  }
}

function checkConflicts(routes: readonly RouteConfig[], problems: ProblemList): void {
  for (const [index, route] of routes.entries()) {
    const other = routes.findIndex((earlier, at) => at < index && takesSame(earlier, route))
    if (other < 0) continue
    const expected = 'a host and path prefix that one route has on a door'
    problems.add(['routes', index, 'pathPrefix'], { expected, reason: `${showPath(['routes', other])} takes the same` })
  }
}

function takesSame(left: RouteConfig, right: RouteConfig): boolean {
  const samePrefix = left.pathPrefix.toLowerCase() === right.pathPrefix.toLowerCase()
  if (!samePrefix || !left.doors.some((name) => right.doors.includes(name))) return false
  if (left.hosts.length === 0 || right.hosts.length === 0) return left.hosts.length === right.hosts.length
  return left.hosts.some((host) => right.hosts.includes(host))
}

function warnOfUnused(routes: readonly RouteConfig[], context: RoutesContext): void {
  for (const [index, name] of context.upstreams.entries()) {
    if (routes.some(({ upstream }) => upstream === name)) continue
    context.problems.warn(`No route names ${showPath(['upstreams', index])}, ${name}: nothing is sent to it`)
  }
  for (const { name } of context.doors) {
    if (routes.some(({ doors }) => doors.includes(name))) continue
    context.problems.warn(`No route names the door ${name}: it answers every request with 404`)
  }
}
