import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Gateway, startGateway } from '../../src/assemble.ts'
import { systemClock } from '../../src/base/clock.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import type { DirectorySeed } from '../../src/lifecycle/seed-directory.ts'
import { createLog } from '../../src/observe/log.ts'
import { type DoorPorts, type GatewayFiles, type GatewayFilesOptions, writeGatewayFiles } from './gateway-files.ts'
import { type HeldSockets, holdSockets } from './held-sockets.ts'

export type { ConfigChanges } from './gateway-files.ts'

export type RunningGateway = Omit<GatewayFiles, 'text'> & {
  readonly gateway: Gateway
  /** Its configuration as JSON: to be changed, and then reloaded by itself or by `gateway.reload`. */
  readonly configFile: string
  readonly ports: DoorPorts
  /** Value of one sample of the metrics page; undefined if there is no such sample. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number | undefined>
  /** Lines the process log has written so far. */
  readonly logLines: readonly string[]
  /** The listening sockets, which another process holds as the supervisor does. */
  readonly sockets: HeldSockets
  stop(): Promise<void>
}

export type GatewayUnderTest = Omit<GatewayFilesOptions, 'ports'> & {
  readonly seed?: DirectorySeed
}

/**
 * Boots the real gateway, workers and all, on free loopback ports; resolves when its doors are open. A folder that was given is
 * reused and left; otherwise one is made and removed.
 */
export async function withGateway(options: GatewayUnderTest): Promise<RunningGateway> {
  const { text, ...files } = writeGatewayFiles(options)
  const { folder } = files
  const configFile = join(folder, 'gateway.json')
  writeFileSync(configFile, text)
  const load = () => loadConfig(configFile, { env: {}, clock: systemClock })
  const { config, files: read } = load()
  const logLines: string[] = []
  const log = createLog({ level: config.logLevel, destination: { write: (line) => void logLines.push(line) } })
  const sockets = holdSockets()
  const seed = options.seed === undefined ? {} : { seed: options.seed }
  const source = { load, files: read }
  const gateway = await startGateway({ config, source, log, version: 'test', sockets, ...seed }).catch(
    async (error) => {
      await sockets.close()
      throw error
    },
  )
  return {
    ...files,
    gateway,
    configFile,
    ports: {
      certificate: sockets.portOf('certificate'),
      public: sockets.portOf('public'),
      admin: sockets.portOf('admin'),
      ops: sockets.portOf('ops'),
      publication: sockets.portOf('publication'),
    },
    metric: async (name, labels = {}) => sample((await gateway.metrics.render()).body, name, labels),
    logLines,
    sockets,
    stop: async () => {
      await gateway.stop()
      await sockets.close()
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The value of the one sample with this name that has all these labels. */
export function sample(text: string, name: string, labels: Readonly<Record<string, string>>): number | undefined {
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name} `) && !line.startsWith(`${name}{`)) continue
    if (Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`))) {
      return Number(line.slice(line.lastIndexOf(' ') + 1))
    }
  }
  return undefined
}
