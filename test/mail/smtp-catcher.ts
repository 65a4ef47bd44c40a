// A real SMTP server on a free port of this machine: keeps what it receives, and refuses, waits or asks for a login as told.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { Test } from 'tap'

export type CaughtMail = {
  readonly from: string
  readonly to: readonly string[]
  readonly raw: string
  readonly secure: boolean
}

export type SmtpCatcherOptions = {
  /** Answer to RCPT of an address: code and text, for example `[550, '5.1.1 no such user']`; undefined takes it. */
  readonly refuse?: (address: string) => readonly [code: number, text: string] | undefined
  /** The same for the content. */
  readonly refuseContent?: () => readonly [code: number, text: string] | undefined
  /** Holds each greeting back until it resolves. */
  readonly greetAfter?: Promise<void>
  /** Who may log in; left out: nobody must. */
  readonly login?: { readonly username: string; readonly password: string }
  readonly tls?: { readonly key: string; readonly cert: string; readonly implicit: boolean }
}

export async function startSmtpCatcher(t: Test, options: SmtpCatcherOptions = {}) {
  const mails: CaughtMail[] = []
  const { refuse = () => undefined, refuseContent = () => undefined, greetAfter, login, tls } = options
  const faultOf = (answer: readonly [number, string] | undefined) => {
    return answer === undefined ? null : Object.assign(new Error(answer[1]), { responseCode: answer[0] })
  }
  const settings: SMTPServerOptions = {
    ...(tls === undefined ? { hideSTARTTLS: true } : { key: tls.key, cert: tls.cert, secure: tls.implicit }),
    authOptional: login === undefined,
    allowInsecureAuth: true,
    disabledCommands: login === undefined ? ['AUTH'] : [],
    disableReverseLookup: true,
    closeTimeout: 10,
    logger: false,
    onConnect(_session, callback) {
      if (greetAfter === undefined) callback()
      else void greetAfter.then(() => callback())
    },
    onAuth({ username, password }, _session, callback) {
      if (username === login?.username && password === login?.password) callback(null, { user: username })
      else callback(Object.assign(new Error(`Wrong: ${password}`), { responseCode: 535 }))
    },
    onRcptTo: ({ address }, _session, callback) => callback(faultOf(refuse(address))),
    onData(stream, session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => void chunks.push(chunk))
      stream.on('end', () => {
        const fault = faultOf(refuseContent())
        if (fault !== null) return callback(fault)
        const { mailFrom, rcptTo } = session.envelope
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString('latin1'),
          secure: session.secure,
        })
        callback()
      })
    },
  }
  const server = new SMTPServer(settings)
  server.on('error', () => {})
  const listener = server.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  let open = true
  const close = async () => {
    if (!open) return
    open = false
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  t.teardown(close)
  return { port: (listener.address() as AddressInfo).port, mails, close }
}

export type ReadMail = {
  /** By lower-case name, decoded. */
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
  readonly html: string
}

/** Reads a mail of two parts as a mail program does: unfolded, encoded words and base64 decoded (RFC 2047, RFC 2045). */
export function readMail(raw: string): ReadMail {
  const { headers, body } = split(raw)
  const boundary = /boundary="?([^";]+)"?/.exec(headers.get('content-type') ?? '')?.[1] ?? ''
  const parts = body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => split(part.replace(/^\r\n/, '')))
  const contentOf = (type: string) => {
    const part = parts.find((one) => one.headers.get('content-type')?.startsWith(type))
    if (part?.headers.get('content-transfer-encoding') !== 'base64') return part?.body ?? ''
    return Buffer.from(part.body, 'base64').toString('utf8')
  }
  return { headers, text: contentOf('text/plain'), html: contentOf('text/html') }
}

function split(text: string): { headers: Map<string, string>; body: string } {
  const end = text.indexOf('\r\n\r\n')
  const lines = text
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = new Map(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      decodeWords(line.slice(line.indexOf(':') + 1).trim()),
    ]),
  )
  return { headers, body: text.slice(end + 4) }
}

function decodeWords(text: string): string {
  const joined = text.replace(/\?=\s+=\?/g, '?==?')
  const chunks: Buffer[] = []
  let last = 0
  for (const match of joined.matchAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi)) {
    chunks.push(Buffer.from(joined.slice(last, match.index), 'latin1'))
    const [whole, kind = '', content = ''] = match
    chunks.push(kind.toLowerCase() === 'b' ? Buffer.from(content, 'base64') : decodeQ(content))
    last = match.index + whole.length
  }
  chunks.push(Buffer.from(joined.slice(last), 'latin1'))
  return Buffer.concat(chunks).toString('utf8')
}

function decodeQ(content: string): Buffer {
  const bytes = content
    .replace(/_/g, ' ')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1')
}
