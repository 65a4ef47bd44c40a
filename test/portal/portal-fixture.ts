import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GatewayError } from '../../src/base/errors.ts'
import { portalFaultAnswer } from '../../src/portal/fault-answer.ts'
import { portalRoutes } from '../../src/portal/portal-routes.ts'
import { startPortalServer } from '../../src/portal/portal-server.ts'
import type { PortalActs, PortalServices } from '../../src/portal/portal-services.ts'
import type { UserCertificate, UserRow } from '../../src/portal/user-rows.ts'
import { readSigningRequest } from '../../src/x509/signing-request.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'

/** 10:00 on 1 October 2026 in Japan. */
export const nowMs = Date.UTC(2026, 9, 1, 1)
export const dayMs = 86_400_000
export const authorities = {
  public: 'bank.example:8442',
  certificate: 'bank.example:8443',
  alternates: ['bank.example:8443', 'bank.example:8444'],
}

/** What the real acts would do, in memory; `throwNext` makes the next act fail. */
export class FakeActs implements PortalActs {
  readonly ca = createTestCa({ commonName: 'demo-issuing-ca' })
  readonly calls: unknown[] = []
  readonly sessions = new Map<string, string>()
  readonly issuedByKey = new Map<string, TestCertificate>()
  users: UserRow[] = sampleUsers()
  report: Awaited<ReturnType<PortalActs['readReport']>>
  throwNext: GatewayError | undefined
  issueFails = 0

  #enter(name: string, ...details: unknown[]): void {
    this.calls.push([name, ...details])
    const error = this.throwNext
    this.throwNext = undefined
    if (error !== undefined) throw error
  }

  async checkLogin({ loginId, password }: { loginId: string; password: string }): Promise<string> {
    this.#enter('checkLogin', loginId)
    if (password !== 'right') throw new GatewayError('login_refused', 'Cannot log in')
    return loginId
  }
  async openIssueSession(loginId: string): Promise<string> {
    const token = `token-of-a-session-${this.sessions.size}`
    this.sessions.set(token, loginId)
    return token
  }
  async findIssueSession(token: string): Promise<string | undefined> {
    return this.sessions.get(token)
  }
  async closeIssueSession(token: string): Promise<void> {
    this.sessions.delete(token)
  }
  async issue({ loginId, proof, requestDer }: Parameters<PortalActs['issue']>[0]) {
    this.#enter('issue', loginId, proof.kind)
    const { publicKeyDer, publicKeyHash } = readSigningRequest(requestDer)
    const before = this.issuedByKey.get(publicKeyHash)
    const publicKey = createPublicKey({ key: Buffer.from(publicKeyDer), type: 'spki', format: 'der' })
    const span = { notBeforeMs: nowMs, notAfterMs: nowMs + 365 * dayMs }
    const made = before ?? this.ca.issueClient({ commonName: loginId, publicKey, ...span })
    this.issuedByKey.set(publicKeyHash, made)
    const { der, serial } = made
    const key = `${this.ca.issuerId}:${serial}` as never
    return { der, key, serial, ...span, chainDer: [this.ca.der], again: before !== undefined }
  }
  async makeEnrolmentCode(who: { loginId: string; proof: { kind: string } }) {
    this.#enter('makeEnrolmentCode', who.loginId, who.proof.kind)
    return { code: '7K3M-Q9TB-2XWD-H5RC', lifeSeconds: 600 }
  }
  async openReport(): Promise<void> {}
  async readReport() {
    return this.report
  }
  async listUsers(): Promise<readonly UserRow[]> {
    return this.users
  }
  mayRevoke(revoker: { role: string; loginId: string }, target: { role: string; loginId: string }): boolean {
    return revoker.role === 'master' && (target.role === 'general' || target.loginId === revoker.loginId)
  }
  async revoke(wanted: Parameters<PortalActs['revoke']>[0]): Promise<void> {
    this.#enter('revoke', wanted.revoker.loginId, wanted.targetLoginId)
    if (wanted.confirmationPassword !== 'confirm') throw new GatewayError('confirmation_wrong', 'Cannot go on')
    this.#change(wanted.targetLoginId, (row) => ({
      ...row,
      certificate: row.certificate && { ...row.certificate, state: 'revoked' },
      pending: undefined,
    }))
  }
  async unlock({ loginId }: { loginId: string }): Promise<void> {
    this.#enter('unlock', loginId)
    this.#change(loginId, (row) => ({ ...row, locked: false }))
  }
  #change(loginId: string, change: (row: UserRow) => UserRow): void {
    this.users = this.users.map((row) => (row.loginId === loginId ? change(row) : row))
  }
}

function sampleUsers(): UserRow[] {
  const row = (loginId: string, name: string, rest: Partial<UserRow>): UserRow => ({
    loginId,
    name,
    role: 'general',
    suspended: false,
    locked: false,
    certificate: undefined,
    pending: undefined,
    ...rest,
  })
  const until = (days: number, state: UserCertificate['state'] = 'valid'): UserCertificate => ({
    state,
    notAfterMs: nowMs + days * dayMs,
    serial: `83a61095a5532c11e9c3878ee06a${(0x1000 + days).toString(16)}`,
  })
  return [
    row('user01', '青木 花子', { role: 'master', certificate: until(211) }),
    row('user02', '石川 太郎', { certificate: until(300) }),
    row('user03', '上田 まゆみ', { certificate: until(12), pending: until(364, 'unused') }),
    row('user04', '遠藤 健', { certificate: until(-3, 'expired') }),
    row('user05', '大野 由美', { certificate: until(120), locked: true }),
    row('user06', '', { certificate: until(90, 'revoked') }),
    row('user07', '加藤 <b>誠</b>', {}),
    row('user08', '木村 直子', { certificate: until(80), suspended: true }),
    row('user09', '小林 大輔', { certificate: until(364, 'unused') }),
  ]
}

/** The settings of a call over the socket. */
export type Asking = {
  readonly method?: 'GET' | 'POST' | 'HEAD'
  /** As whom on the certificate door; left out: the public door. */
  readonly as?: Visiting
  readonly headers?: Readonly<Record<string, string>>
  /** Fields of a form, or any body. */
  readonly form?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Origin of a POST. Default: the page's own. */
  readonly origin?: string | null
}
export type Visiting = {
  readonly loginId: string
  readonly role: 'master' | 'general'
  readonly certificate: TestCertificate
}
export type Answer = { readonly status: number; readonly headers: Record<string, string>; readonly body: string }

/** The pages behind their real server on a socket of their own. `close` when done. */
export async function startPortalFixture() {
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-portal-'))
  const socketPath = join(folder, 'portal.sock')
  const acts = new FakeActs()
  const services = fakeServices(acts)
  const server = await startPortalServer<PortalServices>({
    socketPath,
    routes: portalRoutes(),
    services,
    limits: () => ({ bodyBytesMax: 65_536, requestsAtOnceMax: 16 }),
    faultAnswer: portalFaultAnswer(services),
    log: { error: (message, fields) => console.error(message, fields) },
  })
  const visitor = (loginId: string, role: 'master' | 'general', daysLeft = 211): Visiting => {
    const span = { notBeforeMs: nowMs - (365 - daysLeft) * dayMs, notAfterMs: nowMs + daysLeft * dayMs }
    return { loginId, role, certificate: acts.ca.issueClient({ commonName: loginId, ...span }) }
  }
  return {
    acts,
    services,
    socketPath,
    visitor,
    /** Sends the lines that a worker would. */
    ask: (path: string, asking: Asking = {}) => ask(socketPath, acts, { path, asking }),
    close: async () => {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export type PortalFixture = Awaited<ReturnType<typeof startPortalFixture>>

function fakeServices(acts: FakeActs): PortalServices {
  const portal = {
    serviceName: { ja: '法人インターネットバンキング', en: 'Corporate internet banking' },
    sessionSeconds: 600,
    codeLifeSeconds: 600,
  }
  return {
    lifecycle: {
      nowMs: () => nowMs,
      portal: () => portal,
      issuing: () => ({ config: { validityDays: 365, keyTypes: ['P-256'] } }),
    } as unknown as PortalServices['lifecycle'],
    acts,
    institution: {
      name: { ja: 'せきしょデモ銀行', en: 'Sekisho Demo Bank' },
      selfReference: { ja: '当行', en: 'our bank' },
      contact: { ja: 'ヘルプデスク\n0120-000-000', en: 'Help desk, 0120-000-000' },
      hours: { ja: '平日 9:00〜18:00', en: 'Weekdays 9:00 to 18:00 (Japan time)' },
    },
    timeZone: 'Asia/Tokyo',
    authorities: () => authorities,
    passwordLoginPath: '/login',
    noticeDays: async () => [40, 30, 10, 1],
    renewalDueDays: () => 40,
  }
}

/** The identity lines of `data-path/identity-fields.ts`, and the door's authority. */
export function workerLines(acts: FakeActs, as: Visiting | undefined): Record<string, string> {
  const fixed = { 'sekisho-request-id': 'req-0123456789', 'x-forwarded-for': '203.0.113.9, 192.0.2.1' }
  if (as === undefined) return { ...fixed, host: authorities.public, 'sekisho-login-method': 'password' }
  const sequence = (der: Uint8Array) => `:${Buffer.from(der).toString('base64')}:`
  return {
    ...fixed,
    host: authorities.certificate,
    'sekisho-login-method': 'certificate',
    'sekisho-login-id': as.loginId,
    'sekisho-contract-id': 'contract01',
    'sekisho-user-role': as.role,
    'client-cert': sequence(as.certificate.der),
    'client-cert-chain': sequence(acts.ca.der),
  }
}

async function ask(
  socketPath: string,
  acts: FakeActs,
  { path, asking }: { path: string; asking: Asking },
): Promise<Answer> {
  const lines = workerLines(acts, asking.as)
  const method = asking.method ?? (asking.form === undefined && asking.body === undefined ? 'GET' : 'POST')
  const origin = asking.origin === undefined ? `https://${lines.host}` : asking.origin
  const body = asking.form === undefined ? asking.body : new URLSearchParams(asking.form).toString()
  const type = asking.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
  const sent = request({
    socketPath,
    path,
    method,
    headers: { ...lines, ...(method === 'POST' && origin !== null ? { origin } : {}), ...type, ...asking.headers },
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value)
  return { status: response.statusCode, headers, body: Buffer.concat(parts).toString('utf8') }
}
