// A sample bank on a free port and what is needed to call it as the gateway calls it: signed assertions, identity
// fields, forms. Each user of this file gets one bank with a clock that the test moves.
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { startBankApp } from '../../src/demo/bank-app.ts'
import { createVerifyAssertion } from '../../src/demo/bank-assertion.ts'

export const institution = {
  name: { ja: 'ためし銀行', en: 'Tameshi Bank' },
  selfReference: { ja: '当行', en: 'we' },
  contact: { ja: 'ヘルプデスク', en: 'Help desk' },
  hours: { ja: '平日', en: 'Weekdays' },
}
export const password = 'right-password'
const person = (loginId: string, loginMethod: 'certificate' | 'password') => ({
  loginId,
  contractId: loginMethod === 'certificate' ? 'shoji' : 'yubin',
  loginMethod,
  displayName: `<b>${loginId}</b>`,
  loginPassword: password,
})
const people = [person('user01', 'certificate'), person('user02', 'certificate'), person('pass01', 'password')]

export const audience = 'bank-app'
const trusted = await generateKeyPair('ES256')
export const next = await generateKeyPair('ES256')
export const keySet = { keys: [{ ...(await exportJWK(trusted.publicKey)), kid: 'first', alg: 'ES256' }] }
/** Moved by tests; the bank and the assertions follow. Unit: milliseconds. */
export const time = { nowMs: Date.parse('2026-06-01T00:00:00Z'), monotonicMs: 0 }
export const clock = { nowMs: () => time.nowMs, monotonicMs: () => time.monotonicMs }

export const app = await startBankApp({
  host: '127.0.0.1',
  port: 0,
  institution,
  people,
  certificateUrl: 'https://bank.test:8443',
  verifyAssertion: createVerifyAssertion({ jwks: async () => keySet, audience, clock }),
  timeZone: 'Asia/Tokyo',
  clock,
  eventIntervalMs: 5,
})

type Call = {
  method?: string
  path?: string
  headers?: Record<string, string>
  form?: Record<string, string>
  body?: string | Buffer
}
type Answer = { status: number; headers: IncomingMessage['headers']; text: string }

export async function sign(
  claims: JWTPayload,
  key: { privateKey: CryptoKey; kid: string } = { ...trusted, kid: 'first' },
) {
  const issuedAt = Math.floor(time.nowMs / 1_000)
  const whole = {
    iss: 'sekisho',
    aud: audience,
    iat: issuedAt,
    exp: issuedAt + 60,
    jti: String(Math.random()),
    ...claims,
  }
  return new SignJWT(whole).setProtectedHeader({ alg: 'ES256', kid: key.kid }).sign(key.privateKey)
}

export async function fromCertificateDoor(loginId: string): Promise<Record<string, string>> {
  return {
    'Sekisho-Assertion': await sign({ sub: loginId, login_method: 'certificate', cnf: { 'x5t#S256': 'x' } }),
    'Sekisho-Login-Method': 'certificate',
    'Sekisho-Login-Id': loginId,
    'Sekisho-Contract-Id': 'shoji',
    'Sekisho-User-Role': 'general',
    'Sekisho-Certificate-Serial': '0abc',
    'Sekisho-Certificate-Not-After': '2026-06-20T15:00:00Z',
    'Sekisho-Certificate-Days-Left': '20',
    'Sekisho-Renewal-Due': '1',
  }
}

export async function fromPublicDoor(): Promise<Record<string, string>> {
  return { 'Sekisho-Assertion': await sign({ login_method: 'password' }), 'Sekisho-Login-Method': 'password' }
}

export function open({ method = 'GET', path = '/', headers = {}, form, body }: Call): Promise<IncomingMessage> {
  const type: Record<string, string> = form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' }
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { host: '127.0.0.1', port: app.port, path, method, headers: { Host: 'bank.test:8443', ...type, ...headers } },
      resolve,
    )
    sent.on('error', reject)
    sent.end(form === undefined ? body : new URLSearchParams(form).toString())
  })
}

export async function call(what: Call): Promise<Answer> {
  const response = await open(what)
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) text += chunk
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}

export function cookieOf(answer: Answer): string {
  return /BANKSESSION=[^;]+/.exec(String(answer.headers['set-cookie']))?.[0] ?? ''
}

export async function logIn(loginId: string): Promise<string> {
  const headers = await fromCertificateDoor(loginId)
  return cookieOf(await call({ method: 'POST', path: '/login', headers, form: { password } }))
}
