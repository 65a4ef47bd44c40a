import { resolve } from 'node:path'
import { GatewayError } from '../base/errors.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { CrlApply } from './crl-apply.ts'
import { type LookTakers, runLook } from './crl-look.ts'
import { type FoundCrl, type LookReport, takenOf } from './crl-messages.ts'
import { type CrlTaken, isOlder } from './crl-taken.ts'
import type { CaSourcesPorts, CrlActor, CrlImportResult } from './ports.ts'

/** What an operator asks for. */
export type CrlImport = {
  readonly file: string
  readonly issuer: IssuingCa
  readonly dryRun: boolean
  readonly actor: CrlActor
}

export type ImportTools = {
  readonly ports: CaSourcesPorts
  readonly taken: CrlTaken
  readonly folder: string
  readonly signal: AbortSignal
}

/**
 * Takes the list in a file, or with `dryRun` counts what would be revoked. What is known of the issuer's first configured list goes on
 * from it, if it is a newer complete list. Throws `crl_unreadable`, `crl_refused`, `store_unavailable`.
 */
export async function importCrl(request: CrlImport, tools: ImportTools): Promise<CrlImportResult> {
  const { issuer, dryRun, actor } = request
  const { ports, taken, folder, signal } = tools
  const { issuers, crlFetch } = ports.config()
  const [list] = issuers.find(({ name }) => name === issuer.name)?.crls ?? []
  const shared = await taken.read({ anew: true })
  const key = list === undefined ? undefined : `${issuer.issuerId}/${list.name}`
  const known = key === undefined ? {} : { complete: shared[key], delta: shared[`${key}+delta`] }
  const recordedActor = { kind: 'operator', name: actor.name } as const
  const apply = new CrlApply({ issuer, list: `${issuer.name} (imported)`, actor, recordedActor }, ports)
  let found: { list: FoundCrl; warnings: readonly string[]; knownEntries: number } | undefined
  const takers: LookTakers = {
    revoke: async (list, serials, reasonCodes) => {
      if (dryRun) apply.counts.revoked += serials.length
      else await apply.revoke(list, serials, reasonCodes)
    },
    // An operator restores by hand, each with a reason.
    remove: async () => {},
    taken: async (read, about) => {
      // Where it lay while it was read says nothing: it came from a person.
      const list = { ...read, place: `imported by ${actor.name}` }
      found = { list, ...about }
      if (dryRun) return
      apply.recordApplied(list, about.warnings)
      if (key === undefined || list.baseNumber !== undefined) return
      const before = (await taken.read())[key]
      if (before !== undefined && !isOlder(before, list)) return
      await taken.note(key, { ...takenOf(list), lookedAtMs: before?.lookedAtMs })
    },
  }
  const report = await runLook(
    {
      kind: 'import',
      issuer,
      places: [{ kind: 'file', path: resolve(request.file) }],
      caPem: undefined,
      known: { complete: known.complete, delta: known.delta },
      limits: crlFetch,
      tellsRemoved: false,
      folder,
      index: ports.index,
      nowMs: ports.clock.nowMs(),
    },
    takers,
    signal,
  )
  if (found === undefined) throw faultOf(report)
  return resultOf(found, { issuer, dryRun, counts: apply.counts })
}

function resultOf(
  { list, warnings, knownEntries }: { list: FoundCrl; warnings: readonly string[]; knownEntries: number },
  { issuer, dryRun, counts }: { issuer: IssuingCa; dryRun: boolean; counts: CrlApply['counts'] },
): CrlImportResult {
  const { number, baseNumber, thisUpdateMs, nextUpdateMs, entries, expired } = list
  return {
    issuer: issuer.name,
    dryRun,
    number,
    thisUpdateMs,
    nextUpdateMs,
    isDelta: baseNumber !== undefined,
    entries,
    revoked: counts.revoked,
    alreadyRevoked: knownEntries + counts.alreadyRevoked,
    connectionsCut: counts.connectionsCut,
    warnings: [...warnings, ...(expired ? ['its nextUpdate is past: revocations since then are not in it'] : [])],
  }
}

function faultOf({ result, faults: [first] }: LookReport): GatewayError {
  const code = result === 'refused' || result === 'rolled_back' ? 'crl_refused' : 'crl_unreadable'
  return new GatewayError(code, first?.fault ?? 'Cannot read the CRL')
}
