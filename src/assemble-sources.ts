import type { ConfigInForce } from './assemble-reload.ts'
import { perConfig, readIssuers } from './assemble-reports.ts'
import type { OpenedStore } from './assemble-store.ts'
import { systemClock } from './base/clock.ts'
import { type FaultCode, GatewayError } from './base/errors.ts'
import { CrlSources } from './ca-sources/crl-sources.ts'
import { OcspChecker } from './ca-sources/ocsp-checker.ts'
import type { CaSourcesObserver, CaSourcesPorts, CrlDesk, CrlListStatus } from './ca-sources/ports.ts'
import type { Follower } from './control-path/follow.ts'
import type { DirectoryAnswer } from './trust/directory-answer.ts'
import type { SharedIndex } from './trust/revocation-index.ts'
import type { CertificateKey } from './x509/certificate-key.ts'

/** How often metrics hear of lists. Unit: milliseconds. */
const listsEveryMs = 1_000

export type SourcesParts = Pick<CaSourcesPorts, 'publisher' | 'workers' | 'audit' | 'log'> & {
  readonly follower: Pick<Follower, 'revokeBeside' | 'status'>
  readonly inForce: ConfigInForce
  readonly opened: OpenedStore
  readonly index: SharedIndex
  readonly observer: CaSourcesObserver
}

/** What other CAs say of revocation: their CRLs and OCSP responders. */
export type CaSources = {
  readonly crls: CrlDesk
  /** What was known of lists a moment ago. */
  lists(): readonly CrlListStatus[]
  /** Until when a responder vouches for a certificate; see `OcspDesk`. */
  goodUntilMs(key: CertificateKey, loginId: string): Promise<number | undefined>
  close(): Promise<void>
}

/** Begins to look at lists and to ask responders. */
export function startSources(parts: SourcesParts): CaSources {
  const { inForce, opened, index, observer, publisher, follower, workers, audit, log } = parts
  const ports: CaSourcesPorts = {
    ...{ workers, audit, log },
    publisher: refusingHere(publisher, follower),
    config: () => inForce.config,
    issuers: perConfig(inForce, readIssuers),
    stateFolder: inForce.config.stateFolder,
    index,
    store: opened.store,
    values: opened.values,
    clock: systemClock,
    observer,
  }
  const crls = new CrlSources(ports)
  const ocsp = new OcspChecker(ports)
  crls.start()
  ocsp.start()
  let known: readonly CrlListStatus[] = []
  const timer = setInterval(() => {
    crls.status().then(
      (lists) => {
        known = lists
      },
      (error: unknown) => log.error('what is known of CRLs cannot be told', { error }),
    )
  }, listsEveryMs)
  return {
    crls,
    lists: () => known,
    goodUntilMs: (key, loginId) => ocsp.goodUntilMs(key, loginId),
    close: async () => {
      clearInterval(timer)
      await Promise.all([crls.close(), ocsp.close()])
    },
  }
}

/**
 * What a CA calls revoked is refused here even if the store does not take it now: whoever publishes tries again, and a comparison with
 * the store gives it what only this gateway knows.
 */
function refusingHere(
  publisher: CaSourcesPorts['publisher'],
  follower: SourcesParts['follower'],
): CaSourcesPorts['publisher'] {
  return {
    restore: (key, actor) => publisher.restore(key, actor),
    publish: async (requests, actor) => {
      try {
        return await publisher.publish(requests, actor)
      } catch (error) {
        if (error instanceof GatewayError && storeFaults.has(error.code)) {
          const keys = requests.map(({ key }) => key)
          await follower.revokeBeside(keys, follower.status().position.version)
        }
        throw error
      }
    },
  }
}

const storeFaults: ReadonlySet<FaultCode> = new Set<FaultCode>(['store_unavailable', 'store_read_only'])

type LookUp = (loginId: string, key: CertificateKey) => Promise<DirectoryAnswer>

/** What is asked before a certificate is judged: the directory, and whether a responder vouches for it, at the same time. */
export function lookUpBoth(lookUp: LookUp, sources: () => Pick<CaSources, 'goodUntilMs'> | undefined): LookUp {
  return async (loginId, key) => {
    const [answer, goodUntilMs] = await Promise.all([lookUp(loginId, key), sources()?.goodUntilMs(key, loginId)])
    return goodUntilMs === undefined ? answer : { ...answer, goodUntilMs }
  }
}
