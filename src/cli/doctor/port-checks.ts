import { isIP } from 'node:net'
import type { GatewayConfig } from '../../config/gateway-config.ts'
import type { Examined } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf, warn } from './finding.ts'
import type { Machine } from './machine.ts'

type Subject = Pick<Examined, 'config' | 'machine' | 'holder'>
type Place = { readonly door: string; readonly host: string; readonly port: number }

const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::'])
/** CAP_NET_BIND_SERVICE (capabilities(7)). */
const bindService = 1n << 10n

/**
 * Every address that a door listens on: whether it is of this machine, whether it may be used, and who listens there now. Nothing is
 * opened and nobody called: a gateway that starts meanwhile is not in the way.
 */
export function portChecks(examined: Subject): readonly Check[] {
  return placesOf(examined.config).map((place) => {
    const subject = `${place.door} ${nameOf(place)}`
    return { group: 'Machine', subject, run: async () => [await placeFinding(subject, place, examined)] }
  })
}

function placesOf({ doors }: GatewayConfig): Place[] {
  const of = (door: string, listen: readonly { host: string; port: number }[] = []) =>
    listen.map((one) => ({ door, ...one }))
  return [
    ...doors.certificate.flatMap(({ name, listen }) => of(`Door ${name}`, listen)),
    ...of(`Door ${doors.public?.name}`, doors.public?.listen),
    ...of('Admin door', doors.admin?.listen),
    ...of('Ops listener', doors.ops?.listen),
    ...of('Publication', doors.publication?.listen),
  ]
}

async function placeFinding(subject: string, place: Place, examined: Subject): Promise<Finding> {
  const { machine, holder } = examined
  let hosts: readonly string[]
  try {
    hosts = isIP(place.host) === 0 ? await machine.resolve(place.host) : [place.host]
  } catch (error) {
    return bad(subject, `the name cannot be resolved: ${reasonOf(error)}`, 'Write an address of this machine in listen')
  }
  const own = new Set([...machine.addresses().map(plain), '127.0.0.1', '::1', ...wildcards])
  // All of 127.0.0.0/8 is this machine, though one address of it stands in the list (RFC 1122 3.2.1.3).
  const foreign = hosts.find((host) => !own.has(plain(host)) && !plain(host).startsWith('127.'))
  if (foreign !== undefined) {
    const fix = `Add it to an interface (ip address add ${foreign} dev …), or write one of: ${machine.addresses().join(', ')}`
    return bad(subject, 'this address is not one of this machine', fix)
  }
  const inode = hosts.map((host) => listenerOf(host, place.port, examined)).find((found) => found !== undefined)
  if (inode !== undefined) {
    if (holder !== undefined) return ok(subject, 'the gateway listens')
    return takenFinding(subject, place.port, machine.socketHolder(inode))
  }
  if (holder !== undefined && place.port !== 0 && tables(examined).length > 0) {
    const fix = 'See the log of the gateway; a changed listen needs a restart (systemctl restart sekisho)'
    return bad(subject, 'a gateway runs, and nobody listens here', fix)
  }
  return mayBind(place.port, examined)
    ? ok(subject, 'free')
    : warn(
        subject,
        'free, but this user may not open ports below 1024',
        'AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, or let systemd hold the sockets (config/systemd)',
      )
}

/** The first process holds sockets for services (systemd.socket(5)); anybody else is in the way. */
function takenFinding(subject: string, port: number, who: ReturnType<Machine['socketHolder']>): Finding {
  if (who?.processId === 1 && who.name === 'systemd')
    return ok(subject, 'systemd holds it, for the gateway if sekisho.socket is the one')
  const look = `ss -ltnp 'sport = :${port}'`
  if (who === undefined) {
    const fix = `See who it is (as root: ${look}) and end it, unless systemd holds the socket for the gateway`
    return warn(subject, 'somebody listens there, and no gateway runs', fix)
  }
  const fix = `End it, or write another port in listen; ${look} shows it`
  return bad(subject, `taken by process ${who.processId} (${who.name}): the gateway cannot start`, fix)
}

function mayBind(port: number, { machine }: Subject): boolean {
  const first = Number(machine.readText('/proc/sys/net/ipv4/ip_unprivileged_port_start') ?? 1_024)
  if (port === 0 || port >= first || machine.userId() === 0) return true
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)/m.exec(machine.readText('/proc/self/status') ?? '') ?? []
  return (BigInt(`0x${effective}`) & bindService) !== 0n
}

/** The inode of the socket that listens there. */
function listenerOf(host: string, port: number, examined: Subject): string | undefined {
  return tables(examined).find(
    (socket) =>
      socket.port === port &&
      (socket.address === plain(host) || wildcards.has(socket.address) || wildcards.has(plain(host))),
  )?.inode
}

/** Sockets that listen, as the kernel lists them (proc_net(5)); empty where it does not. */
function tables({ machine }: Subject): { readonly address: string; readonly port: number; readonly inode: string }[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => {
    const lines = (machine.readText(file) ?? '').matchAll(
      /^\s*\d+: ([0-9A-F]{8,32}):([0-9A-F]{4}) \S+ 0A (?:\S+ +){5}(\d+)/gm,
    )
    return [...lines].map(([, address = '', port = '', inode = '']) => ({
      address: addressOf(address),
      port: Number.parseInt(port, 16),
      inode,
    }))
  })
}

/** Words of 32 bits in the order of the machine, which is little-endian on all that Sekisho runs on. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes.swap32()
  if (bytes.length === 4) return bytes.join('.')
  return plain(Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16)).join(':'))
}

/** One spelling of each address. */
function plain(address: string): string {
  if (!address.includes(':')) return address
  const url = URL.parse(`http://[${address.split('%', 1)[0]}]/`)
  return url === null ? address : url.hostname.slice(1, -1)
}

function nameOf({ host, port }: Place): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
