// A desk for CRLs that reads the lists it is given with openssl, and remembers what they named; one list of an issuer is configured.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { GatewayError } from '../../src/base/errors.ts'
import type { CrlDesk, CrlImportResult, CrlListStatus } from '../../src/ca-sources/ports.ts'

type Taken = { readonly file: string; readonly bytes: Buffer; readonly request: Parameters<CrlDesk['importList']>[1] }

const unknown = { place: undefined, number: undefined, thisUpdateMs: undefined, nextUpdateMs: undefined }

export class FakeCrlDesk implements CrlDesk {
  readonly imports: Taken[] = []
  readonly looks: (string | undefined)[] = []
  /** What `lookNow` finds, and `status` tells from then on. */
  found: Partial<CrlListStatus> = {}
  failure: GatewayError | undefined
  readonly #revoked = new Set<string>()
  #list: CrlListStatus

  constructor(issuer: string) {
    const nothing = { entries: undefined, lookedAtMs: undefined, result: undefined, fault: undefined }
    this.#list = { issuer, list: 'crl', ...unknown, ...nothing }
  }

  async status(): Promise<readonly CrlListStatus[]> {
    return [this.#list]
  }

  async lookNow(issuer?: string): Promise<readonly CrlListStatus[]> {
    this.looks.push(issuer)
    if (issuer !== undefined && issuer !== this.#list.issuer) return []
    this.#list = { ...this.#list, ...this.found }
    return [this.#list]
  }

  async importList(file: string, request: Taken['request']): Promise<CrlImportResult> {
    this.imports.push({ file, request, bytes: readFileSync(file) })
    if (this.failure !== undefined) throw this.failure
    const text = readWithOpenssl(file)
    const serials = [...text.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, serial = '']) => serial)
    const fresh = serials.filter((serial) => !this.#revoked.has(serial))
    if (!request.dryRun) for (const serial of fresh) this.#revoked.add(serial)
    const timeOf = (name: string) => Date.parse(new RegExp(`${name}: (.*)`).exec(text)?.[1] ?? '')
    const number = /CRL Number: *\n *(\d+)/.exec(text)?.[1]
    return {
      ...{ issuer: request.issuer, dryRun: request.dryRun, number, isDelta: text.includes('Delta CRL Indicator') },
      ...{ thisUpdateMs: timeOf('Last Update'), nextUpdateMs: timeOf('Next Update'), entries: serials.length },
      ...{ revoked: fresh.length, alreadyRevoked: serials.length - fresh.length, connectionsCut: 0 },
      warnings: timeOf('Next Update') < Date.now() ? ['its nextUpdate is past'] : [],
    }
  }
}

function readWithOpenssl(file: string): string {
  try {
    // It finds out by itself whether it is PEM or DER.
    return execFileSync('openssl', ['crl', '-in', file, '-noout', '-text'], { encoding: 'utf8', stdio: 'pipe' })
  } catch (cause) {
    throw new GatewayError('crl_unreadable', 'Cannot read the CRL: it is not DER', { cause })
  }
}
