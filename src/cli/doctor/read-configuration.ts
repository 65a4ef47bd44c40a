import { existsSync, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { GatewayError } from '../../base/errors.ts'
import { diskFiles, type FileAccess } from '../../config/file-access.ts'
import { type LoadedConfig, loadConfig, parseConfig } from '../../config/load-config.ts'
import { demoConfigText } from '../../demo/demo-config.ts'
import { demoFiles } from '../../demo/demo-files.ts'
import { type CommandContext, CommandError, exitCodes } from '../command-context.ts'
import { findDemo } from '../demo-place.ts'
import type { ReadFile, Reading } from './examined.ts'

/** Where packages and guides put it. */
const usualFile = '/etc/sekisho/sekisho.yaml'

/**
 * Reads the configuration that was named, else the usual one, else that of this clone's demo, and keeps what its files hold: they are
 * looked at also where the configuration is refused. Throws CommandError where there is none at all.
 */
export function readConfiguration(file: string | undefined, { env, root }: CommandContext): Reading {
  const kept = new Map<string, ReadFile>()
  const secrets = new Set<string>()
  const files = () =>
    [...kept.values()].map((one) => ('content' in one ? { ...one, secret: secrets.has(one.path) } : one))
  const options = { env, clock: systemClock, files: keepFiles(kept, secrets) }
  const isInstalled = !existsSync(join(root, 'certs', 'demo', 'root-ca.pem')) && existsSync(usualFile)
  const path = file ?? (isInstalled ? usualFile : undefined)
  if (path !== undefined) return read(path, files, () => loadConfig(path, options))
  const { offset } = findDemo({ root, env })
  const home = realpathSync(root)
  const folder = join(home, 'certs', 'demo')
  if (!existsSync(join(folder, 'root-ca.pem'))) {
    throw new CommandError(
      'Cannot find a configuration to look at: give --config FILE. In a clone, npm start makes the demo’s.',
      { exitCode: exitCodes.usage },
    )
  }
  const shared = (env.SEKISHO_REDIS_URL ?? '') !== ''
  const text = demoConfigText({ files: demoFiles(folder), folder: home, offset, shared })
  return read('the demo', files, () => parseConfig(text, { ...options, folder: home, source: 'the demo' }))
}

function read(source: string, files: () => readonly ReadFile[], load: () => LoadedConfig): Reading {
  try {
    const { config, warnings } = load()
    return { source, config, problems: [], warnings, files: files() }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const lines = error.message.split('\n')
    const listed = lines.filter((line) => line.startsWith('- ')).map((line) => line.slice(2))
    const problems = listed.length === 0 ? [error.message] : listed
    return { source, config: undefined, problems, warnings: [], files: files() }
  }
}

/** Only of keys and secrets the mode is asked for by whoever reads them. */
function keepFiles(kept: Map<string, ReadFile>, secrets: Set<string>): FileAccess {
  return {
    readFile(file) {
      const path = resolve(file)
      try {
        const bytes = diskFiles.readFile(path)
        const { mode, uid: owner } = statSync(path)
        kept.set(path, { path, content: bytes.toString('latin1'), mode: mode & 0o777, owner, secret: false })
        return bytes
      } catch (fault) {
        kept.set(path, { path, fault })
        throw fault
      }
    },
    fileMode(file) {
      secrets.add(resolve(file))
      return diskFiles.fileMode(file)
    },
  }
}
