// The counter pages as a browser asks for them: through a real admin door, forms with the Origin of their page.
import { request as startRequest } from 'node:https'
import type { Test } from 'tap'
import type { TestCertificate } from '../helpers/test-ca.ts'
import { operators, serverCa, withAdmin } from './with-admin.ts'

export type CounterOptions = {
  /** Default: of the branch. `undefined`: none is presented. */
  readonly certificate?: TestCertificate | undefined
  readonly headers?: Record<string, string>
  /** Whether the form says which page it comes from, as browsers do. Default true. */
  readonly origin?: boolean
  /** Sent by POST. */
  readonly form?: Readonly<Record<string, string>> | string
}

export type CounterPage = {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

export async function withCounter(t: Test) {
  const admin = await withAdmin(t)
  const authority = `127.0.0.1:${admin.port}`
  const origin = `https://${authority}`
  const page = (path: string, options: CounterOptions = {}) => askPage({ port: admin.port, origin, path }, options)
  /** Sends the form of an act for the step. */
  const act = (
    fields: Readonly<Record<string, string>>,
    options: Omit<CounterOptions, 'form'> = {},
  ): Promise<CounterPage> =>
    page('/counter/act', { ...options, form: { form: 'K-2027-001', reason: '申込書受付', kind: '', ...fields } })
  return { ...admin, authority, origin, page, act }
}

function askPage(
  { port, origin, path }: { port: number; origin: string; path: string },
  options: CounterOptions,
): Promise<CounterPage> {
  const { form, headers = {} } = options
  const certificate = 'certificate' in options ? options.certificate : operators.branch
  const client = certificate === undefined ? {} : { cert: certificate.chainPem, key: certificate.keyPem }
  const from = form === undefined || options.origin === false ? {} : { Origin: origin }
  const posted = form === undefined ? {} : { ...from, 'Content-Type': 'application/x-www-form-urlencoded' }
  return new Promise((resolve, reject) => {
    const request = startRequest(
      {
        host: '127.0.0.1',
        port,
        method: form === undefined ? 'GET' : 'POST',
        path,
        ca: serverCa.certificatePem,
        ...client,
        agent: false,
        headers: { ...posted, ...headers },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response
          resolve({ status, headers, text: Buffer.concat(chunks).toString() })
        })
      },
    )
    request.on('error', reject)
    request.end(typeof form === 'object' ? new URLSearchParams(form).toString() : form)
  })
}

/** Fields of the form on a page whose button is for this step, as a browser would send them. */
export function formOf(text: string, step: string): Record<string, string> {
  const forms = text
    .split('<form ')
    .slice(1)
    .map((form) => form.split('</form>')[0] ?? '')
  const form = forms.find((one) => one.includes(`name="step" value="${step}"`)) ?? ''
  const hidden = [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)]
  return { ...Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, unescapeHtml(value)])), step }
}

function unescapeHtml(text: string): string {
  const names: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' }
  return text.replace(/&(lt|gt|quot|#39|amp);/g, (whole, name: string) => names[name] ?? whole)
}
