import { accessSync, constants, existsSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Whether this user may write a file, or make files in a folder. */
export function canWrite(path: string): boolean {
  try {
    const isFolder = statSync(path).isDirectory()
    accessSync(path, isFolder ? constants.R_OK | constants.W_OK | constants.X_OK : constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Whether this user may make something that is not there, with the folders above it that are not there either. */
export function canMake(path: string): boolean {
  const above = dirname(path)
  if (existsSync(above) || above === path) return statSync(above).isDirectory() && canWrite(above)
  return canMake(above)
}

/** Names in a folder, and in the folders in it, that do not belong to this user. */
export function filesOfOthers(folder: string, userId: number): readonly string[] {
  const names: string[] = []
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    // What a running gateway takes away meanwhile is nobody's.
    if (lstatSync(path, { throwIfNoEntry: false })?.uid !== userId && existsSync(path)) names.push(entry.name)
    else if (entry.isDirectory() && canWrite(path)) {
      names.push(...filesOfOthers(path, userId).map((name) => join(entry.name, name)))
    }
  }
  return names
}
