// What happens at the doors of a board's world: logins of every fate, and what operators and other systems ask.
import type { WebSocket } from 'ws'
import { systemClock } from '../../src/base/clock.ts'
import { buildOcspRequest } from '../../src/x509/ocsp/build-request.ts'
import { certIdOf } from '../../src/x509/ocsp/cert-id.ts'
import { oids } from '../../src/x509/oids.ts'
import { formLogin } from '../behavior/password-setting.ts'
import { LiveClient, operatorOf, visitWithNode } from '../helpers/clients.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { issuingCaOf } from '../helpers/test-ocsp.ts'
import { openWebSocket } from '../helpers/web-socket.ts'
import type { RunningGateway } from '../helpers/with-gateway.ts'
import { type BoardWorld, issuerName } from './board-world.ts'

export class BoardTraffic {
  readonly #world: BoardWorld
  /** Certificates that are refused, each for its own reason; undefined: none is shown. */
  readonly #refused: readonly (TestCertificate | undefined)[]
  readonly #held: LiveClient[] = []
  readonly #webSockets: WebSocket[] = []
  /** Users that a push has taken; their connections are not made again. */
  readonly #revoked = new Set<string>()
  #turn = 0

  constructor(world: BoardWorld) {
    this.#world = world
    const { ca } = world
    const nowMs = systemClock.nowMs()
    this.#refused = [
      undefined,
      createTestCa({ commonName: 'foreign-ca' }).issueClient({ commonName: 'user01' }),
      ca.issueClient({ commonName: 'user01', notBeforeMs: nowMs - 7_200_000, notAfterMs: nowMs - 3_600_000 }),
      ca.issueClient({ commonName: 'nobody' }),
      ca.issueClient({ commonName: 'user01', extendedKeyUsage: [oids.serverAuth] }),
      ca.issueClient({ commonName: 'user01', keyKind: 'rsa1024' }),
      world.branch.issueClient({ commonName: 'stranger' }),
    ]
  }

  /** Logins over HTTP/1.1 and HTTP/2, one that is refused now and then, and what belongs to them, at the next gateway. */
  async turn(): Promise<void> {
    const turn = this.#turn++
    const gateway = this.#world.gateways[turn % this.#world.gateways.length] as RunningGateway
    const { certificate: port } = gateway.ports
    const user = this.#next(turn)
    await visitWithNode({ port, certificate: user })
    // Now and then each: a door ends connections on which nothing is asked.
    await this.#held[turn % Math.max(1, this.#held.length)]?.request()
    await this.#overHttp2(gateway, this.#next(turn + 1))
    if (turn % 2 === 0) await visitWithNode({ port, certificate: this.#refused[(turn / 2) % this.#refused.length] })
    if (turn % 3 === 0) await visitWithNode({ port, certificate: user, path: '/slow' })
    if (turn % 4 === 0) await visitWithNode({ port, certificate: this.#world.branchUser })
    if (turn % 5 === 0) await this.#passwordLogin(gateway)
    if (turn % 7 === 0) await this.#askPublication(gateway)
    if (turn % 10 === 0) await operatorOf(gateway).call('POST', '/v1/crls/look', {})
  }

  /** Connections of so many users, and a WebSocket, stay open at every gateway until they are cut, or the world ends. */
  async hold(count: number): Promise<void> {
    const holders = [...this.#world.users].filter(([loginId]) => !this.#revoked.has(loginId)).slice(-count)
    for (const { ports } of this.#world.gateways) {
      for (const [, certificate] of holders) {
        const client = await LiveClient.connect({ port: ports.certificate, certificate })
        await client.request()
        this.#held.push(client)
      }
    }
    for (const gateway of this.#world.gateways) {
      const certificate = this.#next(0)
      this.#webSockets.push(await openWebSocket(gateway, { over: 'http/1.1', path: '/rates', certificate }))
    }
  }

  /** Revokes so many of the users who hold connections; resolves when all of theirs are cut. Then they come again, and are refused. */
  async push(count: number): Promise<void> {
    const taken = [...this.#world.users].filter(([loginId]) => !this.#revoked.has(loginId)).slice(-count)
    const [first] = this.#world.gateways as [RunningGateway]
    const { status, body } = await operatorOf(first).call('POST', '/v1/revocations', {
      certificates: taken.map(([, { serial }]) => ({ issuer: issuerName, serial })),
    })
    if (status !== 200) throw new Error(`Cannot revoke: ${JSON.stringify(body)}`)
    for (const [loginId] of taken) this.#revoked.add(loginId)
    const perGateway = this.#held.length / this.#world.gateways.length
    const cut = this.#held.filter((_, at) => at % perGateway >= perGateway - count)
    await Promise.all(cut.map((client) => client.ended()))
    for (const { ports } of this.#world.gateways) {
      for (const [, certificate] of taken) await visitWithNode({ port: ports.certificate, certificate })
    }
  }

  /** So many requests whose answer the application breaks off, at every gateway. */
  async breakOff(count: number): Promise<void> {
    for (const { ports } of this.#world.gateways) {
      for (let at = 0; at < count; at++)
        await visitWithNode({ port: ports.certificate, certificate: this.#next(at), path: '/breaks' })
    }
  }

  end(): void {
    for (const client of this.#held) client.destroy()
    for (const webSocket of this.#webSockets) webSocket.terminate()
  }

  #next(turn: number): TestCertificate {
    const admitted = [...this.#world.users].filter(([loginId]) => !this.#revoked.has(loginId))
    return (admitted[turn % admitted.length] as [string, TestCertificate])[1]
  }

  async #overHttp2(gateway: RunningGateway, certificate: TestCertificate): Promise<void> {
    const client = await Http2Client.connect(gateway, { certificate })
    await Promise.all([client.get('/'), client.get('/accounts')])
    client.close()
  }

  async #passwordLogin(gateway: RunningGateway): Promise<void> {
    const client = await RawClient.connect(gateway, { door: 'public' })
    await client.send(formLogin('pass01')).answer()
    client.close()
  }

  /** As another relying party does: the CRL, and whether a certificate is good. */
  async #askPublication({ ports }: RunningGateway): Promise<void> {
    const { ca, users } = this.#world
    const url = `http://127.0.0.1:${ports.publication}`
    await (await fetch(`${url}/pki/${issuerName}.crl`)).arrayBuffer()
    const certId = certIdOf(issuingCaOf(ca), users.get('user01')?.serial ?? '', 'sha1')
    const body = new Uint8Array(buildOcspRequest({ certIds: [certId], nonce: undefined }))
    const headers = { 'content-type': 'application/ocsp-request' }
    await (await fetch(`${url}/ocsp`, { method: 'POST', headers, body })).arrayBuffer()
  }
}
