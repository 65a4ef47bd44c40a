import { createHash, randomInt } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import { checkAddress, countAddressFailure } from './address-failures.ts'
import type { Caller } from './caller.ts'
import type { IssueRequest } from './issue.ts'
import { checkLoginIdSyntax } from './login-id-input.ts'
import type { LifecyclePorts } from './ports.ts'

type Proof = IssueRequest['proof']

/** Crockford's base 32: no I, L, O or U, so that nothing is read wrong from a screen. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const codePattern = /^(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/i
const groups = 4
const groupCharacters = 4

/** Who asks again while the code is being bound to the same key waits for so long. Unit: milliseconds. */
const bindingMs = 100

/**
 * Makes a one-time code with which the enrolment program may ask for a certificate in place of whoever has proven who they are: four
 * groups of four characters, 80 bits of chance, for `portal.codeLifeSeconds`. Kept as a hash. Throws GatewayError `issuing_disabled`,
 * `store_unavailable`.
 */
export async function makeEnrolmentCode(
  { loginId, proof }: { readonly loginId: string; readonly proof: Proof },
  ports: LifecyclePorts,
): Promise<{ readonly code: string; readonly lifeSeconds: number }> {
  const lifeSeconds = codeLifeSeconds(ports)
  const code = Array.from({ length: groups }, makeGroup).join('-')
  const untilMs = ports.nowMs() + lifeSeconds * 1_000
  await ports.store.keepNote(freshName(loginId, code), JSON.stringify({ proof, untilMs }), lifeSeconds * 1_000)
  return { code, lifeSeconds }
}

/** Whether a text has the form of a one-time code; small letters count as capitals. */
export function isEnrolmentCode(text: string): boolean {
  return codePattern.test(text)
}

/**
 * Takes a one-time code for a public key (`publicKeyHash`: SHA-256 of its SubjectPublicKeyInfo, base64url). From then on it counts for
 * that key alone and, within its life, again and again: a lost answer must not cost a new login (R8).
 *
 * Wrong codes count as failures of the address; nothing locks the login ID for them, because nobody guesses 80 bits. Throws GatewayError
 * `code_invalid` (wrong, late, another login ID’s, or used for another key), `login_id_invalid`, `login_throttled`, `issuing_disabled`,
 * `store_unavailable`.
 */
export async function takeEnrolmentCode(
  request: { readonly loginId: string; readonly code: string; readonly publicKeyHash: string },
  caller: Caller,
  ports: LifecyclePorts,
): Promise<{ readonly proof: Proof }> {
  const { loginId, code, publicKeyHash } = request
  checkLoginIdSyntax(loginId)
  await checkAddress(caller.clientAddress, ports)
  const proof = isEnrolmentCode(code) ? await take(loginId, code.toUpperCase(), { publicKeyHash, ports }) : undefined
  if (proof !== undefined) return { proof }
  await countAddressFailure(caller.clientAddress, ports)
  ports.audit({
    event: 'password_refused',
    actor: { kind: 'unauthenticated', name: caller.clientAddress },
    target: { kind: 'login_id', name: loginId },
    reason: 'code_invalid',
    requestId: caller.requestId,
    detail: { kind: 'code', address: caller.clientAddress },
  })
  throw new GatewayError(
    'code_invalid',
    'Cannot use the one-time code as it is wrong, has ended, or was used for another key: get a new one on the issue page',
  )
}

async function take(
  loginId: string,
  code: string,
  { publicKeyHash, ports }: { publicKeyHash: string; ports: LifecyclePorts },
): Promise<Proof | undefined> {
  const { store } = ports
  const boundName = `code-bound:${digest(loginId, code, publicKeyHash)}`
  const lifeMaxMs = codeLifeSeconds(ports) * 1_000
  const before = await store.readNote(boundName)
  if (before !== undefined) return readProof(before)
  const fresh = await store.takeNote(freshName(loginId, code))
  if (fresh === undefined) {
    // Perhaps the same program has just asked on another connection, and its code is between the two notes.
    await ports.pause(bindingMs)
    const bound = await store.readNote(boundName)
    return bound === undefined ? undefined : readProof(bound)
  }
  // Whatever clock has moved: never longer than a new code.
  const leftMs = Math.min(lifeMaxMs, Math.max(1, readUntilMs(fresh) - ports.nowMs()))
  await store.keepNote(boundName, fresh, leftMs)
  return readProof(fresh)
}

function makeGroup(): string {
  return Array.from({ length: groupCharacters }, () => alphabet[randomInt(alphabet.length)]).join('')
}

function freshName(loginId: string, code: string): string {
  return `code:${digest(loginId, code)}`
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('base64url')
}

function readProof(note: string): Proof {
  return (JSON.parse(note) as { proof: Proof }).proof
}

function readUntilMs(note: string): number {
  return (JSON.parse(note) as { untilMs: number }).untilMs
}

function codeLifeSeconds(ports: LifecyclePorts): number {
  const portal = ports.portal()
  if (portal === undefined)
    throw new GatewayError('issuing_disabled', 'Cannot use one-time codes as there are no pages')
  return portal.codeLifeSeconds
}
