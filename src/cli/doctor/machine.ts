import { lookup } from 'node:dns/promises'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { isRunning } from '../../base/is-running.ts'

/** What the doctor asks of the machine it runs on. Tests have their own. */
export type Machine = {
  /** A file of the kernel or the system; undefined where it cannot be read. */
  readText(path: string): string | undefined
  /** Addresses of the network interfaces, as text. */
  addresses(): readonly string[]
  /** Addresses of a name. Rejects as `dns.lookup` does. */
  resolve(host: string): Promise<readonly string[]>
  /** Of this process; 0 is root. */
  userId(): number
  /** Which process has this socket open; undefined: none that this user may look into. */
  socketHolder(inode: string): { readonly processId: number; readonly name: string } | undefined
  /** Whether a process with this id lives. */
  isAlive(processId: number): boolean
}

/** The machine itself. */
export const thisMachine: Machine = {
  readText(path) {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },
  addresses: () => Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []),
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  userId: () => process.getuid?.() ?? 0,
  socketHolder(inode) {
    const ids = namesIn('/proc').filter((name) => /^\d+$/.test(name))
    const holder = ids.find((id) =>
      namesIn(`/proc/${id}/fd`).some((file) => linkOf(`/proc/${id}/fd/${file}`) === `socket:[${inode}]`),
    )
    if (holder === undefined) return undefined
    return { processId: Number(holder), name: thisMachine.readText(`/proc/${holder}/comm`)?.trim() ?? '' }
  },
  isAlive: isRunning,
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
