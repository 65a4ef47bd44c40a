import { resolve } from 'node:path'
import type { ConfigFile } from './config-file.ts'
import { showMode, unreadableReason } from './file-access.ts'
import type { PemContext } from './read-pems.ts'

/** Others who may write the module could run what they like in the gateway. */
const writableByOthers = 0o022

/** `tracing` with the module's absolute path. It is imported at the start, not here: a check of a configuration runs nothing of it. */
export function readTracing(written: ConfigFile['tracing'], context: PemContext): ConfigFile['tracing'] {
  if (written.module === undefined) return written
  const { files, folder, problems } = context
  const path = ['tracing', 'module']
  const module = resolve(folder, written.module)
  try {
    const mode = files.fileMode(module)
    if ((mode & writableByOthers) !== 0)
      problems.warn(
        `The module of tracing.module, ${problems.show(path)}, has mode ${showMode(mode)}: others on this machine may change what the gateway runs; use chmod 644`,
      )
  } catch (error) {
    problems.add(path, { reason: unreadableReason(error) })
  }
  return { ...written, module }
}
