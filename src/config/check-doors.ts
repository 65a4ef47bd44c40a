import { isIP } from 'node:net'
import { checkRanges } from './check-ranges.ts'
import type { ConfigFile } from './config-file.ts'
import { hostField, isLoopback, normaliseAuthority, normaliseHost } from './host-name.ts'
import { type FieldPath, type ProblemList, showPath } from './problem-list.ts'

type Doors = ConfigFile['doors']
type CertificateDoor = Doors['certificate'][number]
type PublicDoor = NonNullable<Doors['public']>
type PlacedListen = { readonly path: FieldPath; readonly host: string; readonly port: number }

/** Names that metrics and logs use for the doors that have no name of their own. */
const reservedNames: readonly string[] = ['admin', 'ops', 'publication']

/**
 * The doors with host names and authorities in the one spelling of a Host field (`hostField`). Notes names and addresses used twice,
 * addresses that are none, alternate authorities that do not lead back to the same door, and trusted ranges that are none or cover
 * everyone.
 */
export function checkDoors(doors: Doors, problems: ProblemList): Doors {
  checkNames(doors, problems)
  checkListens(doors, problems)
  const certificate = doors.certificate.map((door, index) =>
    checkHosts(door, ['doors', 'certificate', index], problems),
  )
  const front = doors.public
  return { ...doors, certificate, ...(front === undefined ? {} : { public: checkFront(front, problems) }) }
}

function checkFront(front: PublicDoor, problems: ProblemList): PublicDoor {
  const path = ['doors', 'public']
  const hostNames = normaliseNames(front.hostNames, path, problems)
  return { ...front, hostNames, ...checkProxyProtocol(front, path, problems) }
}

function checkProxyProtocol(
  door: CertificateDoor | PublicDoor,
  path: FieldPath,
  problems: ProblemList,
): Pick<PublicDoor, 'proxyProtocol'> {
  if (door.proxyProtocol === undefined) return {}
  const at = [...path, 'proxyProtocol', 'trustedAddresses']
  const harm = 'it would let anyone say which address a connection came from'
  return {
    proxyProtocol: { trustedAddresses: checkRanges(door.proxyProtocol.trustedAddresses, at, { harm, problems }) },
  }
}

/** Notes names of issuers that a door asks for and that are not configured, or are asked for twice. */
export function checkDoorIssuers(
  doors: Doors,
  issuerNames: readonly string[],
  options: { readonly nearest: (name: string) => string | undefined; readonly problems: ProblemList },
): void {
  const used = new Set<string>()
  for (const [index, door] of doors.certificate.entries()) {
    for (const [at, name] of door.issuers.entries()) {
      const path = ['doors', 'certificate', index, 'issuers', at]
      if (door.issuers.indexOf(name) < at) options.problems.add(path, { expected: 'an issuer named once' })
      used.add(name)
      if (issuerNames.includes(name)) continue
      const nearest = options.nearest(name)
      const reason =
        nearest === undefined ? `configured are ${issuerNames.join(', ')}` : `the nearest name is ${nearest}`
      options.problems.add(path, { expected: 'the name of a configured issuer', reason })
    }
  }
  for (const [index, name] of issuerNames.entries()) {
    if (!used.has(name))
      options.problems.warn(`No door names ${showPath(['issuers', index])}, ${name}: its certificates pass nowhere`)
  }
}

function checkNames(doors: Doors, problems: ProblemList): void {
  const named: { path: FieldPath; name: string }[] = doors.certificate.map((door, index) => ({
    path: ['doors', 'certificate', index, 'name'],
    name: door.name,
  }))
  if (doors.public !== undefined) named.push({ path: ['doors', 'public', 'name'], name: doors.public.name })
  const taken = new Map<string, FieldPath>()
  for (const { path, name } of named) {
    const first = taken.get(name)
    const expected = 'a door name used once'
    if (first !== undefined) problems.add(path, { expected, reason: `${showPath(first)} has it too` })
    else if (reservedNames.includes(name)) problems.add(path, { expected, reason: 'that name is reserved' })
    else taken.set(name, path)
  }
}

function checkListens(doors: Doors, problems: ProblemList): void {
  const taken: PlacedListen[] = []
  for (const { path, host, port } of placedListens(doors)) {
    const address = isIP(host) === 0 ? undefined : normaliseHost(host)
    if (address === undefined) {
      problems.add([...path, 'host'], {})
      continue
    }
    const own = { path, host: address, port }
    const other = taken.find((entry) => isSameAddress(entry, own))
    const reason = other === undefined ? '' : `${showPath(other.path)} takes it`
    if (other !== undefined) problems.add([...path, 'port'], { expected: 'an address and port used once', reason })
    taken.push(own)
  }
  for (const { host } of doors.ops?.listen ?? []) {
    if (isIP(host) === 0 || isLoopback(host)) continue
    problems.warn(`doors.ops listens on ${host}: whoever reaches it reads the metrics without a certificate`)
  }
}

function placedListens(doors: Doors): PlacedListen[] {
  const placed = (path: FieldPath, listen: Doors['certificate'][number]['listen'] = []) =>
    listen.map((entry, index) => ({ path: [...path, 'listen', index], host: entry.host, port: entry.port }))
  return [
    ...doors.certificate.flatMap((door, index) => placed(['doors', 'certificate', index], door.listen)),
    ...placed(['doors', 'public'], doors.public?.listen),
    ...placed(['doors', 'admin'], doors.admin?.listen),
    ...placed(['doors', 'ops'], doors.ops?.listen),
    ...placed(['doors', 'publication'], doors.publication?.listen),
  ]
}

/** Port 0 takes a free port each time, so it never collides; `0.0.0.0` and `::` take the port of all of their family. */
function isSameAddress(left: PlacedListen, right: PlacedListen): boolean {
  if (left.port !== right.port || left.port === 0 || isIP(left.host) !== isIP(right.host)) return false
  return left.host === right.host || [left.host, right.host].some((host) => host === '0.0.0.0' || host === '::')
}

function checkHosts(door: CertificateDoor, path: FieldPath, problems: ProblemList): CertificateDoor {
  const hostNames = normaliseNames(door.hostNames, path, problems)
  const alternateAuthorities = door.alternateAuthorities.map((written, index) => {
    const at = [...path, 'alternateAuthorities', index]
    const read = normaliseAuthority(written)
    if (read === undefined) problems.add(at, {})
    else if (!hostNames.includes(read.host)) problems.add(at, { reason: `the door does not answer to ${read.host}` })
    return read?.authority ?? written
  })
  return { ...door, hostNames, alternateAuthorities, ...checkProxyProtocol(door, path, problems) }
}

function normaliseNames(written: readonly string[], path: FieldPath, problems: ProblemList): string[] {
  const names = written.map((name, index) => {
    const normal = normaliseHost(name)
    if (normal === undefined) problems.add([...path, 'hostNames', index], {})
    return normal === undefined ? name : hostField(normal)
  })
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) problems.add([...path, 'hostNames', index], { expected: 'a host name named once' })
  }
  return names
}
