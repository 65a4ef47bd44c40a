import { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request as startRequest } from 'node:https'
import { certsOnlyBytesMax, decodeEstBody, encodeEstBody, readCertsOnly } from '../x509/certs-only.ts'
import { type CollectedAnswer, collectAnswer } from './collect-answer.ts'
import { CommandError, exitCodes } from './command-context.ts'

/** Which EST service (RFC 7030), and how it is known and spoken to. */
export type EstAccess = {
  /** https://host:port. */
  readonly server: string
  /** PEM of the CAs to know it by. Undefined: those that Node brings along. */
  readonly caPem: string | undefined
  /** For the certificate door. */
  readonly certificate?: { readonly certificatePem: string; readonly keyPem: string }
  /** For the public door. */
  readonly login?: { readonly loginId: string; readonly secret: string }
}

const timeoutMs = 60_000
/** Base64, with the ends of its lines. */
const answerBytesMax = Math.ceil(certsOnlyBytesMax * 1.5)

/** Speaks to the gateway's EST service. Every way to fail becomes a CommandError that says what to do, without any secret. */
export class EstClient {
  readonly #url: URL
  readonly #access: EstAccess

  constructor(access: EstAccess) {
    const url = URL.parse(access.server)
    if (url?.protocol !== 'https:' || url.pathname !== '/' || url.search !== '' || url.username !== '') {
      throw new CommandError(
        `Cannot use --server as https://host:port: current value is ${JSON.stringify(access.server)}`,
        {
          exitCode: exitCodes.usage,
        },
      )
    }
    this.#url = url
    this.#access = access
  }

  /** The service, as it was named. */
  get origin(): string {
    return this.#url.origin
  }

  /** The CA that issues and those above it. */
  async caCertificates(): Promise<X509Certificate[]> {
    return this.#certificates(await this.#exchange('GET', 'cacerts'))
  }

  /** The certificate for a signing request. */
  async enrol(operation: 'simpleenroll' | 'simplereenroll', requestDer: Uint8Array): Promise<X509Certificate> {
    const answer = await this.#exchange('POST', operation, encodeEstBody(requestDer))
    const [certificate, ...surplus] = this.#certificates(answer)
    if (certificate === undefined || surplus.length > 0) throw this.#strange('it holds several certificates')
    return certificate
  }

  #certificates({ status, body }: CollectedAnswer): X509Certificate[] {
    if (status !== 200) throw this.#refused(status, body)
    try {
      return readCertsOnly(decodeEstBody(body)).map((der) => new X509Certificate(der))
    } catch {
      throw this.#strange('it holds no certificates')
    }
  }

  #refused(status: number, body: string): CommandError {
    // A page of some other program is of no use to anybody here.
    const told = /^Cannot /.test(body) ? body.slice(0, 1_000).trim() : `It answered with status ${status}.`
    const hint = hints[status]
    return new CommandError(
      `${this.origin} has not issued a certificate.\n${told}${hint === undefined ? '' : `\n${hint}`}`,
    )
  }

  #strange(reason: string): CommandError {
    return new CommandError(`Cannot read the answer of ${this.origin}: ${reason}. Is it an EST service (RFC 7030)?`)
  }

  #exchange(method: 'GET' | 'POST', operation: string, body?: string): Promise<CollectedAnswer> {
    const url = new URL(`/.well-known/est/${operation}`, this.#url)
    const start = (answered: (response: IncomingMessage) => void) =>
      startRequest(url, { ...this.#options(body), method }, answered)
    return collectAnswer(start, { body, bytesMax: answerBytesMax, timeoutMs }).catch((cause: unknown) => {
      throw this.#unreachable(cause)
    })
  }

  #options(body: string | undefined): RequestOptions {
    const { caPem, certificate, login } = this.#access
    const basic = login === undefined ? undefined : Buffer.from(`${login.loginId}:${login.secret}`).toString('base64')
    return {
      minVersion: 'TLSv1.2',
      agent: false,
      headers: {
        Accept: 'application/pkcs7-mime, text/plain',
        ...(body === undefined ? {} : { 'Content-Type': 'application/pkcs10', 'Content-Length': body.length }),
        ...(body === undefined || basic === undefined ? {} : { Authorization: `Basic ${basic}` }),
      },
      ...(caPem === undefined ? {} : { ca: caPem }),
      ...(certificate === undefined ? {} : { cert: certificate.certificatePem, key: certificate.keyPem }),
    }
  }

  #unreachable(cause: unknown): CommandError {
    const { code = '', message = '' } = cause as NodeJS.ErrnoException
    if (code === 'ECONNREFUSED') {
      return new CommandError(`Cannot reach ${this.origin}: nothing listens there. Is the gateway running?`, { cause })
    }
    if (/CERT|SIGNATURE|UNABLE_TO/.test(code)) {
      return new CommandError(`Cannot trust ${this.origin} (${code}): --cacert must name the CA of its certificate`, {
        cause,
      })
    }
    const again = 'Run the same command again: the same key is used, and gives the same certificate.'
    return new CommandError(`Cannot reach ${this.origin}: ${message === '' ? code : message}\n${again}`, { cause })
  }
}

const hints: Readonly<Record<number, string>> = {
  404: 'Is it a gateway that issues certificates, and --renew only on its certificate door?',
  409: 'With a certificate in use, renew it (--renew), or have it revoked first. If the key was used before, give another folder (--out).',
}
