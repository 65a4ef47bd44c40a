import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ArchiveFault, type ArchivePosition, TrustArchive } from '../../src/control-path/archive.ts'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const issuerId = '0123456789abcdef'.repeat(2)
const partCount = 8

/** A key that no other number gives. */
export function keyOf(number: number): CertificateKey {
  return certificateKey(issuerId, `a${number.toString(16)}`)
}

/** A revocation of the certificates with these numbers. */
export function revokedEvent(version: number, ...numbers: number[]): TrustEvent {
  return { kind: 'revoked', version, keys: numbers.map(keyOf), atMs: 1_767_323_045_000 + version }
}

/** Where one stands after the event with that version. */
export function at(version: number, token = `t${version}`): ArchivePosition {
  return { position: { version, token }, highestVersion: version }
}

type Entry = { readonly isRevoked: boolean; readonly version: number }

/** Ledger, index and names in plain maps, with parts of JSON; events count as they do in a gateway. */
export class PlayedMemory {
  entries = new Map<string, Entry>()
  fingerprints = new Set<string>()
  suspended: Record<string, number> = {}
  resets = 0
  replayed = 0
  /** Called before a part is copied. */
  beforePart: (kind: 'ledger' | 'index', part: number) => void = () => {}

  readonly ledger = {
    parts: partCount,
    revokedNow: () => [...this.entries.values()].filter(({ isRevoked }) => isRevoked).length,
    get revoked(): number {
      return this.revokedNow()
    },
    reserve: () => {},
    readPart: (part: number) => {
      this.beforePart('ledger', part)
      return write([...this.entries].filter(([key]) => partOf(key) === part))
    },
    takePart: (bytes: Uint8Array) => {
      for (const [key, entry] of read(bytes) as [string, Entry][]) this.entries.set(key, entry)
    },
  }

  readonly index = {
    parts: partCount,
    size: 0,
    reserve: () => {},
    readPart: (part: number) => {
      this.beforePart('index', part)
      return write([...this.fingerprints].filter((key) => partOf(key) === part))
    },
    takePart: (bytes: Uint8Array) => {
      for (const key of read(bytes) as string[]) this.fingerprints.add(key)
    },
  }

  names(): unknown {
    return { suspended: Object.entries(this.suspended) }
  }

  takeNames(names: unknown): void {
    this.suspended = Object.fromEntries((names as { suspended: [string, number][] }).suspended)
  }

  replay(events: readonly TrustEvent[]): void {
    this.replayed += events.length
    for (const event of events) this.apply(event)
  }

  apply(event: TrustEvent): void {
    if (event.kind === 'revoked') for (const key of event.keys) this.#revoke(key, event.version)
    if (event.kind === 'restored') this.#restore(event.key, event.version)
    if (event.kind === 'suspended') this.suspended[event.loginId] ??= event.version
  }

  reset(): void {
    this.resets++
    this.entries.clear()
    this.fingerprints.clear()
    this.suspended = {}
  }

  /** Numbers of the certificates that would be refused. */
  get refused(): number[] {
    return [...this.fingerprints]
      .map((key) => Number.parseInt(key.slice(issuerId.length + 2), 16))
      .sort((a, b) => a - b)
  }

  /** As a gateway does: what was in force is not put into the index again. */
  #revoke(key: string, version: number): void {
    const known = this.entries.get(key)
    if (known !== undefined && known.version > version) return
    this.entries.set(key, { isRevoked: true, version })
    if (known?.isRevoked !== true) this.fingerprints.add(key)
  }

  #restore(key: string, version: number): void {
    const known = this.entries.get(key)
    if (known !== undefined && known.version >= version) return
    this.entries.set(key, { isRevoked: false, version })
    this.fingerprints.delete(key)
  }
}

function partOf(key: string): number {
  return Number.parseInt(key.slice(-2), 16) % partCount
}

function write(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

function read(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString())
}

/** What an archive has said. */
export type Said = { readonly faults: [ArchiveFault, string][]; readonly lines: [string, string][] }

/** An archive on the folder, with what it says. */
export function openArchive(
  folder: string,
  { clock = new FakeClock(), bootId = 'boot-1' }: { clock?: FakeClock; bootId?: string } = {},
): Said & { readonly archive: TrustArchive; readonly clock: FakeClock } {
  const faults: [ArchiveFault, string][] = []
  const lines: [string, string][] = []
  const say = (level: string) => (message: string) => {
    lines.push([level, message])
  }
  const log = { info: say('info'), warn: say('warn'), error: say('error') }
  const fault = (what: ArchiveFault, detail: string) => {
    faults.push([what, detail])
  }
  return { archive: new TrustArchive({ folder, clock, bootId, log, fault }), clock, faults, lines }
}

/** One that writes, and its memory: `take` does with events what a gateway does. */
export function startGateway(folder: string, options: { clock?: FakeClock; bootId?: string } = {}) {
  const opened = openArchive(folder, options)
  const memory = new PlayedMemory()
  opened.archive.begin(at(0))
  const take = (...events: TrustEvent[]) => {
    opened.archive.append(events, at(events.at(-1)?.version ?? 0))
    for (const event of events) memory.apply(event)
  }
  return { ...opened, memory, take }
}

/** What a gateway that starts now finds. */
export async function loadNow(folder: string, options: { clock?: FakeClock; bootId?: string } = {}) {
  const opened = openArchive(folder, options)
  const memory = new PlayedMemory()
  const loaded = await opened.archive.load(memory)
  return { ...opened, memory, loaded }
}

/** A folder for one test, which is removed at its end. */
export function archiveFolder(t: { teardown(end: () => void): void }): string {
  const parent = mkdtempSync(join(tmpdir(), 'sekisho-archive-'))
  t.teardown(() => rmSync(parent, { recursive: true, force: true }))
  return join(parent, 'trust')
}
