import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { GatewayError } from '../../base/errors.ts'
import type { CounterCall, CounterServices } from '../counter/counter-call.ts'
import { openDesk } from '../counter/desk.ts'
import { languageCookie } from '../counter/send-page.ts'
import { requireRole } from '../require-role.ts'
import { liveAssets } from './live-assets.ts'
import { livePage } from './live-page.ts'
import { liveStyle } from './live-style.ts'

/** Label of the live page and its scripts in metrics. */
export const liveLabel = '/live/*'

const cookieSeconds = 31_536_000
const styleHash = createHash('sha256').update(liveStyle).digest('base64')

const sharedFields = {
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Robots-Tag': 'noindex, nofollow',
}

/** The page runs its own scripts and asks its own door, and nothing else. */
const pageFields = {
  ...sharedFields,
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'`,
  'Content-Type': 'text/html; charset=utf-8',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
}

const scriptFields = {
  ...sharedFields,
  'Cache-Control': 'private, max-age=31536000, immutable',
  'Content-Security-Policy': "default-src 'none'",
  'Content-Type': 'text/javascript; charset=utf-8',
}

/** The page, one of its scripts, or the way to the page. */
export class LiveAnswer {
  readonly status: number
  readonly body: string
  readonly fields: Readonly<Record<string, string>>

  constructor(status: number, body: string, fields: Readonly<Record<string, string>>) {
    this.status = status
    this.body = body
    this.fields = fields
  }
}

/** Whether the target of a request, as it was sent, belongs to the live page. */
export function isLiveTarget(target: string): boolean {
  return /^\/live(?:[/?]|$)/.test(target)
}

/** For operators of every role. Throws GatewayError `admin_not_found`, `admin_role_missing`. */
export function answerLive(call: CounterCall, services: CounterServices): LiveAnswer {
  if (call.operator === undefined) throw new RangeError('Cannot show the live page to nobody')
  requireRole(call.operator)
  const script = call.method === 'GET' ? liveAssets().find(call.path) : undefined
  if (script !== undefined) return new LiveAnswer(200, script, scriptFields)
  if (call.method === 'GET' && call.path === '/live') return new LiveAnswer(303, '', { Location: '/live/' })
  if (call.method !== 'GET' || call.path !== '/live/') {
    const shown = JSON.stringify(`${call.method} ${call.path}`.slice(0, 200))
    throw new GatewayError('admin_not_found', `Cannot find the page: current value is ${shown}`)
  }
  const desk = openDesk(call, services)
  const isChosen = call.query.get('lang') === desk.language
  const cookie = `${languageCookie}=${desk.language}; Path=/live/; Max-Age=${cookieSeconds}; Secure; HttpOnly; SameSite=Strict`
  return new LiveAnswer(200, livePage(desk, liveAssets().entry), {
    ...pageFields,
    ...(isChosen ? { 'Set-Cookie': cookie } : {}),
  })
}

/** Sends it whole; `end` comes after it. */
export function sendLive(response: ServerResponse, { status, body, fields }: LiveAnswer, requestId: string): void {
  const bytes = Buffer.from(body)
  response.writeHead(status, { ...fields, 'Content-Length': bytes.length, 'Sekisho-Request-Id': requestId })
  response.write(bytes)
}
