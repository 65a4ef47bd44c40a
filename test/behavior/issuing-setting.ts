// A real gateway that issues, and clients that speak EST to it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { DirectorySeed } from '../../src/lifecycle/seed-directory.ts'
import { buildSigningRequest } from '../../src/x509/build-signing-request.ts'
import { decodeEstBody, encodeEstBody, readCertsOnly } from '../../src/x509/certs-only.ts'
import { pemOf } from '../../src/x509/pem.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import type { ConfigChanges } from '../helpers/gateway-files.ts'
import { createTestCa, makeKeys, type TestCertificate } from '../helpers/test-ca.ts'
import { type RunningGateway, withGateway } from '../helpers/with-gateway.ts'

export const ca = createTestCa({ commonName: 'test-issuing-ca' })

/** It ends with the test. Renewal is allowed at any time. */
export async function startIssuingGateway(
  t: Test,
  { upstreamPort, seed, config = {} }: { upstreamPort: number; seed?: DirectorySeed; config?: ConfigChanges },
): Promise<RunningGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-issuing-'))
  writeFileSync(join(folder, 'issuer.key'), ca.keyPem, { mode: 0o600 })
  const gateway = await withGateway({
    upstreamPort,
    issuingCa: ca,
    folder,
    ...(seed === undefined ? {} : { seed }),
    config: {
      directory: 'embedded',
      issuing: {
        issuer: 'test-issuing-ca',
        signer: { kind: 'file', key: 'issuer.key' },
        subject: ['C=JP', 'O=Test Bank', 'CN={loginId}'],
        renewalDays: 3_650,
      },
      portal: { serviceName: { ja: '試験', en: 'Test' } },
      ...config,
    },
  })
  t.teardown(async () => {
    await gateway.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return gateway
}

/** Renews over EST on the certificate door (RFC 7030 4.2.2), with a new key. */
export async function renew({ ports }: RunningGateway, current: TestCertificate): Promise<TestCertificate> {
  const { privateKey } = makeKeys('p256')
  const { subject } = readCertificate(current.der)
  const body = encodeEstBody(buildSigningRequest({ privateKey, subject }).der)
  const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request(
      `https://localhost:${ports.certificate}/.well-known/est/simplereenroll`,
      {
        method: 'POST',
        host: '127.0.0.1',
        servername: 'localhost',
        rejectUnauthorized: false,
        agent: false,
        cert: current.certificatePem,
        key: current.keyPem,
        headers: {
          host: `localhost:${ports.certificate}`,
          'content-type': 'application/pkcs10',
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('latin1') }),
        )
      },
    )
    call.on('error', reject)
    call.end(body)
  })
  if (answer.status !== 200) throw new Error(`Cannot renew: ${answer.status} ${answer.text}`)
  const [der] = readCertsOnly(decodeEstBody(answer.text))
  if (der === undefined) throw new Error('No certificate came')
  const certificatePem = pemOf(der, 'CERTIFICATE')
  return {
    certificatePem,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    privateKey,
    der,
    serial: readCertificate(der).serial,
    chainPem: certificatePem,
    pkcs12: () => Promise.reject(new Error('not needed')),
  }
}
