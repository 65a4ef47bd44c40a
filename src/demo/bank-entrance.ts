import type { IncomingMessage } from 'node:http'
import type { VerifyAssertion } from './bank-assertion.ts'
import type { BankSessions } from './bank-sessions.ts'
import { type BankVisit, readCaller, readCookie } from './bank-visit.ts'

/** The cookie the gateway is configured to seal. */
export const sessionCookie = 'BANKSESSION'

/** Somebody whom the gateway let through, and the session they brought. */
export type BankGuest = Pick<BankVisit, 'caller' | 'session' | 'sessionToken' | 'foreignSession'>

/** Who sends this request, page or upgrade; undefined when it did not come through the gateway. */
export async function recogniseGuest(
  request: IncomingMessage,
  { verifyAssertion, sessions }: { verifyAssertion: VerifyAssertion; sessions: BankSessions },
): Promise<BankGuest | undefined> {
  const assertion = request.headers['sekisho-assertion']
  const claims = typeof assertion === 'string' ? await verifyAssertion(assertion).catch(() => undefined) : undefined
  const caller = claims === undefined ? undefined : readCaller(request, claims)
  if (caller === undefined) return undefined
  const sessionToken = readCookie(request, sessionCookie)
  const session = sessionToken === undefined ? undefined : sessions.find(sessionToken)
  // A session counts only for the login ID and the way in it was made with (R2), whatever the browser sends along.
  const own =
    session !== undefined &&
    session.loginMethod === caller.loginMethod &&
    (caller.loginMethod === 'password' || session.loginId === caller.loginId)
  return {
    caller,
    session: own ? session : undefined,
    sessionToken,
    foreignSession: session !== undefined && !own,
  }
}

/**
 * Whose feeds this guest may watch: a certificate is enough, so that they can be watched with curl; the public door asks
 * for a login first. Undefined when they may not.
 */
export function feedOwner({ caller, session }: BankGuest): string | undefined {
  return caller.loginMethod === 'certificate' ? caller.loginId : session?.loginId
}
