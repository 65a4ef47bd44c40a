import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { GatewayConfig } from '../config/gateway-config.ts'
import type { VerifyAssertion } from './bank-assertion.ts'
import { recogniseGuest } from './bank-entrance.ts'
import type { BankPerson } from './bank-person.ts'
import { answerVisit, type BankDesk } from './bank-routes.ts'
import { BankSessions } from './bank-sessions.ts'
import { SignIn } from './bank-sign-in.ts'
import { BankTicker, refuseUpgrade } from './bank-ticker.ts'
import { chooseLanguage } from './bank-visit.ts'

/** What the sample bank is started with. */
export type BankAppOptions = {
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly institution: GatewayConfig['institution']
  readonly people: readonly BankPerson[]
  /** Where users reach the certificate door, without a slash at the end: `https://localhost:8443`. */
  readonly certificateUrl: string
  /** Where certificates are obtained online; left out: the issue and renewal pages lead to the counter. */
  readonly enrolmentUrl?: string
  readonly verifyAssertion: VerifyAssertion
  readonly timeZone: string
  readonly clock: Clock
  /** Pause between two ticks of `/events` and of `/ticker`. Unit: milliseconds. Default 1 000. */
  readonly eventIntervalMs?: number
}

/** A running sample bank. */
export type BankApp = { readonly port: number; close(): Promise<void> }

const languageCookie = 'BANKLANG'
// The gateway's own limit is 32 KB, to which it adds the certificate with its chain and the assertion.
const headBytesMax = 65_536
// Longer than the gateway keeps an unused connection, so that it is never the app that closes one under a request.
const keepAliveMs = 120_000

/**
 * Starts the sample internet bank that stands behind the gateway in the demo: login top page, login with and without
 * certificate, top page, events feed, exchange rate feed, `/upload` and `/echo`. It answers the gateway only: a request
 * without a valid assertion gets a plain 403. Sessions and passwords live in memory.
 */
export async function startBankApp(options: BankAppOptions): Promise<BankApp> {
  const { clock, people, institution, certificateUrl, enrolmentUrl, timeZone } = options
  const desk: BankDesk = {
    place: { institution, certificateUrl, enrolmentUrl, timeZone },
    people: new Map(people.map((person) => [person.loginId, person])),
    sessions: new BankSessions(clock),
    signIn: await SignIn.create(people, clock),
    clock,
    eventIntervalMs: options.eventIntervalMs ?? 1_000,
  }
  const ticker = new BankTicker({ clock, intervalMs: desk.eventIntervalMs })
  const { verifyAssertion } = options
  // Deadlines for slow requests are the gateway's business; an upload may take as long as it takes.
  const server = createServer(
    {
      maxHeaderSize: headBytesMax,
      keepAliveTimeout: keepAliveMs,
      requestTimeout: 0,
      // Any other protocol somebody wants to change to is ignored (RFC 9110 7.8).
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    (request, response) => {
      answer(request, response, { desk, verifyAssertion }).catch(() => fail(response))
    },
  )
  server.on('upgrade', (request, socket, head) => {
    // From here on nobody else listens for them.
    socket.on('error', () => {})
    recogniseGuest(request, { verifyAssertion, sessions: desk.sessions })
      .then((guest) => ticker.accept(guest, { request, socket, head }))
      .catch(() => refuseUpgrade(socket, { status: 500, text: 'Something went wrong.' }))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
        ticker.close()
      }),
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { desk, verifyAssertion }: { desk: BankDesk; verifyAssertion: VerifyAssertion },
): Promise<void> {
  const guest = await recogniseGuest(request, { verifyAssertion, sessions: desk.sessions })
  if (guest === undefined) {
    response.writeHead(403, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' })
    response.end('This application answers its gateway only.\n')
    return
  }
  const [path = '', query = ''] = (request.url ?? '').split('?', 2)
  const asked = new URLSearchParams(query).get('lang')
  const language = chooseLanguage(request, { asked, cookieName: languageCookie })
  if (asked === language)
    response.appendHeader('Set-Cookie', `${languageCookie}=${language}; Path=/; Secure; SameSite=Lax`)
  await answerVisit({ request, response, path, language, ...guest }, desk)
}

function fail(response: ServerResponse): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
  response.end('Something went wrong.\n')
}
