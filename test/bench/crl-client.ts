/**
 * Reads one CRL in a process of its own, from a file as the gateway's thread does, and sends what that took to its parent.
 */
import { createPublicKey } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { pemOrDer } from '../../src/x509/crl/pem-or-der.ts'
import { readCrl } from '../../src/x509/crl/read-crl.ts'

export type CrlClientSettings = { readonly file: string; readonly issuerFile: string }

/** What reading a list took. */
export type CrlFigures = {
  readonly entries: number
  readonly signatureValid: boolean
  /** From opening the file until the list is read and its signature verified. Unit: milliseconds. */
  readonly readMs: number
  /** The most memory the process had meanwhile, above what it had before; the entries are in it. Unit: bytes. */
  readonly grownBytes: number
  /** Memory of the packed entries. Unit: bytes. */
  readonly packedBytes: number
  /** Going through all of them once. Unit: milliseconds. */
  readonly iterateMs: number
}

const chunkBytes = 131_072
const limits = { entriesMax: 10_000_000, bytesMax: 1_000_000_000 }
const settings = JSON.parse(process.argv[2] ?? '{}') as CrlClientSettings

/** Resident memory now, and the most there was since `forgetMost`. Unit: bytes. */
function residentMemory(): { now: number; most: number } {
  const status = readFileSync('/proc/self/status', 'latin1')
  const read = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) * 1_024
  return { now: read('VmRSS'), most: read('VmHWM') }
}

/** The kernel begins anew to note the most (proc(5), clear_refs). */
function forgetMost(): void {
  writeFileSync('/proc/self/clear_refs', '5')
}

function readList(publicKey: ReturnType<typeof createPublicKey>) {
  const file = openSync(settings.file, 'r')
  const chunk = Buffer.allocUnsafe(chunkBytes)
  try {
    const pull = () => {
      const length = readSync(file, chunk)
      return length === 0 ? undefined : chunk.subarray(0, length)
    }
    return readCrl(pemOrDer(pull), { ...limits, publicKey })
  } finally {
    closeSync(file)
  }
}

process.on('disconnect', () => process.exit(0))
const publicKey = createPublicKey(readFileSync(settings.issuerFile))
forgetMost()
const before = residentMemory()
const startMs = performance.now()
const { entries, signatureValid } = readList(publicKey)
const readMs = performance.now() - startMs
const grownBytes = residentMemory().most - before.now
const iterateMs = (() => {
  const fromMs = performance.now()
  let digits = 0
  for (const { serialHex } of entries) digits += serialHex.length
  if (digits < entries.count) throw new Error('Cannot measure entries without serial numbers')
  return performance.now() - fromMs
})()
const figures: CrlFigures = {
  entries: entries.count,
  signatureValid: signatureValid === true,
  readMs,
  grownBytes,
  packedBytes: entries.bytes,
  iterateMs,
}
process.send?.(figures, () => process.exit(0))
