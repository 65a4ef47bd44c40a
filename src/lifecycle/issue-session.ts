import { createHash, randomBytes } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import type { LifecyclePorts } from './ports.ts'

const tokenBytes = 32
const tokenPattern = /^[A-Za-z0-9_-]{43}$/

/**
 * Begins what follows a login on the issue page, for `portal.sessionSeconds`. Answers a token of 256 random bits (43 characters of
 * base64url); only its hash is kept. Throws GatewayError `issuing_disabled`, `store_unavailable`.
 */
export async function openIssueSession(loginId: string, ports: LifecyclePorts): Promise<string> {
  const portal = ports.portal()
  if (portal === undefined)
    throw new GatewayError('issuing_disabled', 'Cannot open an issue page as there are no pages')
  const token = randomBytes(tokenBytes).toString('base64url')
  await ports.store.keepNote(nameOf(token), JSON.stringify({ loginId }), portal.sessionSeconds * 1_000)
  return token
}

/** Whose issue page it is; undefined: there is none, or none any more. Throws GatewayError `store_unavailable`. */
export async function findIssueSession(
  token: string,
  ports: Pick<LifecyclePorts, 'store'>,
): Promise<{ readonly loginId: string } | undefined> {
  if (!tokenPattern.test(token)) return undefined
  const note = await ports.store.readNote(nameOf(token))
  return note === undefined ? undefined : (JSON.parse(note) as { loginId: string })
}

/** Ends it; a token that is none, or none any more, changes nothing. Throws GatewayError `store_unavailable`. */
export async function closeIssueSession(token: string, ports: Pick<LifecyclePorts, 'store'>): Promise<void> {
  if (tokenPattern.test(token)) await ports.store.forgetNote(nameOf(token))
}

function nameOf(token: string): string {
  return `issue-session:${createHash('sha256').update(token).digest('base64url')}`
}
