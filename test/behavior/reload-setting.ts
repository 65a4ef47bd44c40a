import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ReloadCause, ReloadResult } from '../../src/control-path/reload.ts'
import type { RawOptions } from '../helpers/raw-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import type { TestCertificate } from '../helpers/test-ca.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { type GatewayUnderTest, type RunningGateway, withGateway } from '../helpers/with-gateway.ts'

/** A configuration file as a test changes it. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows the fields it changes
export type ConfigText = any

/** A gateway whose configuration a test changes while it runs. */
export class ReloadSetting {
  readonly app: TestUpstream
  readonly gateway: RunningGateway

  static async start(t: Test, options: Omit<GatewayUnderTest, 'upstreamPort'> = {}): Promise<ReloadSetting> {
    const app = await TestUpstream.start()
    const gateway = await withGateway({ ...options, upstreamPort: app.port })
    t.teardown(async () => {
      await gateway.stop()
      await app.stop()
    })
    return new ReloadSetting(app, gateway)
  }

  private constructor(app: TestUpstream, gateway: RunningGateway) {
    this.app = app
    this.gateway = gateway
  }

  certificateOf(loginId: string): TestCertificate {
    return this.gateway.issuingCa.issueClient({ commonName: loginId })
  }

  /** A file beside the configuration, replaced as a whole; returns its name. */
  write(name: string, text: string): string {
    replaceFile(join(this.gateway.folder, name), text)
    return name
  }

  /** Changes the configuration file, and nothing else. */
  edit(change: (config: ConfigText) => void): void {
    editConfig(this.gateway.configFile, change)
  }

  reload(cause: ReloadCause = { kind: 'signal' }): Promise<ReloadResult> {
    return this.gateway.gateway.reload(cause)
  }

  /** Changes the configuration file and puts it in force; throws unless it was applied. */
  async apply(change: (config: ConfigText) => void): Promise<ReloadResult & { result: 'applied' }> {
    this.edit(change)
    const result = await this.reload()
    if (result.result !== 'applied') throw new Error(`The reload was ${JSON.stringify(result)}`)
    return result
  }

  connect(options: RawOptions = {}): Promise<RawClient> {
    return RawClient.connect(this.gateway, options)
  }

  /** Status and body of one request on a connection of its own. */
  async visit(path: string, options: RawOptions & { more?: string } = {}): Promise<{ status: number; text: string }> {
    const client = await this.connect(options)
    const { status, text } = await client.get(path, options.more).answer()
    client.close()
    return { status, text }
  }
}

/** Rewrites a configuration file that holds JSON. */
export function editConfig(file: string, change: (config: ConfigText) => void): void {
  const config = JSON.parse(readFileSync(file, 'utf8'))
  change(config)
  replaceFile(file, JSON.stringify(config))
}

/** Whoever reads sees the old file or the new one, never half of it. */
export function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
