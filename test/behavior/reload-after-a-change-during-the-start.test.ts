// Goal: a file that changes while the gateway starts, which beside another process may take minutes, comes into force afterwards.
// Method: the file is replaced at the last moment before the doors open.
import { rmSync } from 'node:fs'
import t from 'tap'
import { startGateway } from '../../src/assemble.ts'
import { systemClock } from '../../src/base/clock.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { createLog } from '../../src/observe/log.ts'
import { eventually } from '../helpers/eventually.ts'
import { writeGatewayFiles } from '../helpers/gateway-files.ts'
import { holdSockets } from '../helpers/held-sockets.ts'
import { editConfig } from './reload-setting.ts'

t.test('a change during the start', async (t) => {
  const { file, folder } = writeGatewayFiles({ upstreamPort: 9, config: { logLevel: 'info' } })
  const load = () => loadConfig(file, { env: {}, clock: systemClock })
  const { config, files } = load()
  const lines: string[] = []
  const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  const sockets = holdSockets()
  const beforeDoors = async () =>
    editConfig(file, (text) => {
      text.limits = { bodyBytesMax: 10 }
    })
  const options = { config, source: { load, files }, log, version: 'test', sockets, beforeDoors }
  const gateway = await startGateway(options)
  t.teardown(async () => {
    await gateway.stop()
    await sockets.close()
    rmSync(folder, { recursive: true })
  })
  const reloaded = await eventually(
    () => lines.filter((line) => line.includes('"configuration reloaded"')),
    (found) => found.length > 0,
    10_000,
  )
  t.match(JSON.parse(reloaded[0] ?? ''), { cause: 'file_change', changed: [/bodyBytesMax/] })
})
