import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../fuzz/random.ts'
import { askServer, type SentinelSet } from '../helpers/redis-sentinel.ts'
import type { CertificatePool } from './certificate-pool.ts'
import { DoorClient } from './door-client.ts'
import type { ChaosGateway } from './gateway-set.ts'
import type { Recorder } from './recorder.ts'

export type PusherOptions = {
  readonly gateways: readonly ChaosGateway[]
  readonly pool: CertificatePool
  readonly store: SentinelSet
  readonly recorder: Recorder
  readonly random: Random
}

type Unacknowledged = { readonly certificates: readonly number[]; readonly notBeforeMs: number }

/** Unit: milliseconds. */
const pushPauseMs = 100
const answerMaxMs = 10_000
const retryPauseMs = 1_000
/** One in so many turns somebody adds a serial number by hand. */
const handTurns = 25
const batchMax = 10
/** While so many wait for their answer nothing new is pushed. */
const outstandingMax = 12

/** An operator who revokes through all gateways in turn, and somebody who changes the store's set by hand. */
export class Pusher {
  readonly #options: PusherOptions
  readonly #outstanding = new Set<Promise<void>>()
  readonly #unacknowledged: Unacknowledged[] = []
  readonly #loop: Promise<void>
  #pushing = true
  #ended = false
  /** What the admin doors said instead of an acknowledgement, with how often. */
  readonly refusals = new Map<string, number>()

  /** Begins at once. */
  constructor(options: PusherOptions) {
    this.#options = options
    this.#loop = this.#work()
  }

  /** Nothing new is pushed from now on; what was not acknowledged is tried again. */
  finish(): void {
    this.#pushing = false
  }

  /** Certificates whose revocation nobody has acknowledged yet. */
  get waiting(): number {
    const lists = this.#unacknowledged.map(({ certificates }) => certificates.length)
    return lists.reduce((sum, length) => sum + length, 0) + this.#outstanding.size
  }

  async stop(): Promise<void> {
    this.#ended = true
    await this.#loop
    await Promise.all(this.#outstanding)
  }

  async #work(): Promise<void> {
    const { pool, random } = this.#options
    for (let turn = 1; !this.#ended; turn++) {
      await pause(pushPauseMs)
      if (this.#outstanding.size >= outstandingMax) continue
      const again = this.#takeRetry()
      if (again !== undefined) this.#start(this.#push(again))
      if (!this.#pushing) continue
      if (turn % handTurns === 0) this.#start(this.#addByHand())
      else this.#start(this.#push(pool.condemn(random.chance(0.85) ? 1 : 2 + random.integer(batchMax - 1))))
    }
  }

  #start(work: Promise<void>): void {
    this.#outstanding.add(work)
    void work.finally(() => this.#outstanding.delete(work))
  }

  #takeRetry(): readonly number[] | undefined {
    const [first] = this.#unacknowledged
    if (first === undefined || first.notBeforeMs > this.#options.recorder.nowMs) return undefined
    this.#unacknowledged.shift()
    return first.certificates
  }

  async #push(certificates: readonly number[]): Promise<void> {
    const { gateways, recorder, random } = this.#options
    const gateway = random.pick(gateways)
    recorder.tried(certificates)
    const askedMs = recorder.nowMs
    const answer = await this.#ask(gateway, certificates)
    if (typeof answer === 'string') {
      recorder.failedPushes++
      this.refusals.set(answer, (this.refusals.get(answer) ?? 0) + 1)
      this.#unacknowledged.push({ certificates, notBeforeMs: recorder.nowMs + retryPauseMs })
      return
    }
    const acknowledgedMs = recorder.nowMs
    for (const certificate of certificates)
      recorder.pushes.push({ certificate, gateway: gateway.number, askedMs, acknowledgedMs, replicas: answer.replicas })
  }

  /** Resolves with why it was not acknowledged, or with what the answer says of replicas. */
  async #ask(
    gateway: ChaosGateway,
    certificates: readonly number[],
  ): Promise<string | { replicas: number | undefined }> {
    const { pool } = this.#options
    const client = new DoorClient({ port: gateway.supervised.ports.admin, certificate: gateway.operator })
    const answer = await client.request({
      method: 'POST',
      path: '/v1/revocations',
      body: {
        certificates: certificates.map((number) => ({
          issuer: pool.issuerId,
          serial: pool.certificate(number).serial,
        })),
        reason: 'keyCompromise',
      },
      withinMs: answerMaxMs,
    })
    client.destroy()
    if (answer.kind === 'failure') return answer.detail
    if (answer.status !== 200) return `${answer.status} ${codeOf(answer.body)}`
    const body = JSON.parse(answer.body) as RevocationAnswer
    const done = body.certificates.filter(({ outcome }) => outcome === 'revoked' || outcome === 'already_revoked')
    if (done.length < certificates.length) return `200 for ${done.length} of ${certificates.length}`
    return { replicas: typeof body.replicas === 'number' ? body.replicas : undefined }
  }

  async #addByHand(): Promise<void> {
    const { pool, store, recorder, random } = this.#options
    const master = await store.master()
    if (master === undefined) return
    const [certificate] = pool.condemn(1)
    if (certificate === undefined) return
    recorder.tried([certificate])
    const member = random.pick(spellings(pool.certificate(certificate).serial))
    const added = await askServer(master, ['SADD', setOf(pool), member], 1_000)
    if (added === 1) recorder.handAdditions.push({ certificate, addedMs: recorder.nowMs })
  }
}

type RevocationAnswer = {
  readonly certificates: readonly { readonly outcome: string }[]
  readonly replicas?: number | null
}

function codeOf(body: string): string {
  try {
    const { code, title } = JSON.parse(body) as { code?: string; title?: string }
    return code ?? title ?? ''
  } catch {
    return body.slice(0, 60)
  }
}

/** The set of the one issuer of a run. */
export function setOf({ issuerId }: CertificatePool): string {
  return `{sekisho}:revoked:${issuerId}`
}

/** As people write a serial number: as it should be, in capitals, in whole octets, with colons. */
export function spellings(serial: string): readonly string[] {
  const octets = serial.length % 2 === 0 ? serial : `0${serial}`
  return [serial, serial.toUpperCase(), octets, octets.replace(/(..)(?!$)/g, '$1:').toUpperCase()]
}
