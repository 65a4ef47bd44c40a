import type { Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import type { RawOptions } from '../helpers/raw-client.ts'
import { acceptWebSocket, TestUpstream, type UpgradedSide } from '../helpers/upstream.ts'
import { openTunnel, type Tunnel, type UpgradeOptions, UpgradeRefused } from '../helpers/web-socket.ts'
import { type GatewayUnderTest, type RunningGateway, withGateway } from '../helpers/with-gateway.ts'

/** Both ends of one WebSocket through a gateway. */
export type Ends = { readonly tunnel: Tunnel; readonly side: UpgradedSide }

export type OpenOptions = Omit<UpgradeOptions, 'path'> & {
  /** Default: a new one. */
  readonly path?: string
  /** Lines of the application's agreement, each with CRLF. */
  readonly agreement?: string
}

/** A gateway before an application that agrees to every WebSocket it is asked for. */
export class WebSocketSetting {
  readonly app: TestUpstream
  readonly gateway: RunningGateway
  #paths = 0

  static async start(t: Test, options: Omit<GatewayUnderTest, 'upstreamPort'> = {}): Promise<WebSocketSetting> {
    const app = await TestUpstream.start()
    const gateway = await withGateway({ ...options, upstreamPort: app.port })
    t.teardown(async () => {
      await gateway.stop()
      await app.stop()
    })
    return new WebSocketSetting(app, gateway)
  }

  private constructor(app: TestUpstream, gateway: RunningGateway) {
    this.app = app
    this.gateway = gateway
  }

  /** A path that was not asked for yet. */
  newPath(): string {
    return `/socket-${++this.#paths}`
  }

  certificateOf(loginId: string): Required<RawOptions>['certificate'] & { readonly serial: string } {
    return this.gateway.issuingCa.issueClient({ commonName: loginId })
  }

  /** Rejects with `UpgradeRefused` where it is not let through. */
  async open({ agreement = '', ...options }: OpenOptions): Promise<Ends> {
    const path = options.path ?? this.newPath()
    const { promise, resolve } = Promise.withResolvers<UpgradedSide>()
    this.app.handle(path, acceptWebSocket(resolve, agreement))
    const tunnel = (await openTunnel(this.gateway, { ...options, path })).listen()
    return { tunnel, side: await promise }
  }

  /** The status and body of an upgrade that is refused; throws if it is not. */
  async refused(options: OpenOptions): Promise<UpgradeRefused> {
    try {
      await openTunnel(this.gateway, { path: this.newPath(), ...options })
    } catch (error) {
      if (error instanceof UpgradeRefused) return error
      throw error
    }
    throw new Error('The upgrade was let through')
  }

  /** Resolves when so many WebSockets are open on the route. */
  async untilOpen(count: number, route = 'app'): Promise<void> {
    await eventually(
      () => this.gateway.metric('sekisho_upgrades_open', { route }),
      (open) => open === count,
    )
  }
}

/** Something from each side reaches the other. */
export async function assertTalking(t: Test, { tunnel, side }: Ends, message: string): Promise<void> {
  const [heard, told] = [tunnel.receivedBytes, side.receivedBytes]
  tunnel.send(Buffer.from('from the client'))
  side.socket.write('from the application')
  await eventually(
    () => [side.receivedBytes - told, tunnel.receivedBytes - heard],
    // Pings sent before may still arrive.
    ([fromClient = 0, fromApp = 0]) => fromClient >= 15 && fromApp >= 20,
  )
  t.pass(message)
}

/** Resolves when both ends have ended, within one second. */
export async function untilEnded({ tunnel, side }: Ends): Promise<void> {
  let closed = false
  void tunnel.closed.then(() => {
    closed = true
  })
  await eventually(
    () => ({ client: closed || tunnel.ended, application: side.ended || side.socket.destroyed }),
    ({ client, application }) => client && application,
    1_000,
  )
  side.socket.destroy()
  tunnel.destroy()
}
