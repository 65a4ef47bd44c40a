import { type FSWatcher, lstatSync, readlinkSync, statSync, watch } from 'node:fs'
import { join, parse, resolve, sep } from 'node:path'

export type FileWatcherOptions = {
  /**
   * One of the files is another one than before, or has another content. False: it cannot be dealt with now; then it is told again
   * after the next quiet time.
   */
  readonly changed: () => boolean
  /** These folders cannot be watched, so changes in them go unseen. Told once until they can be. */
  readonly unwatched: (folder: string, reason: string) => void
  /** Quiet time after the last sign of a change, so that files written together are read together. Unit: milliseconds. Default 1 000. */
  readonly quietMs?: number
}

const quietMsDefault = 1_000
/** So many quiet times at most does a change wait while others follow it. */
const quietTimesMax = 10
/** As many links as Linux follows in a path. */
const linksMax = 40

/**
 * Tells when files change, by watching the folders they stand in: so it sees a file that is replaced by a rename, one that is missing
 * and appears, and a link on the way to it that is turned to another folder, as Kubernetes does with mounted secrets. What else
 * happens in those folders is ignored: only a file whose inode, size or times differ counts. A folder further up that is moved
 * away as a whole goes unseen.
 */
export class FileWatcher {
  readonly #options: FileWatcherOptions
  readonly #quietMs: number
  readonly #folders = new Map<string, WatchedFolder>()
  readonly #unwatched = new Set<string>()
  /** By path: what the file was when it was looked at last. */
  #files = new Map<string, string>()
  #quiet: NodeJS.Timeout | undefined
  #latest: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: FileWatcherOptions) {
    this.#options = options
    this.#quietMs = options.quietMs ?? quietMsDefault
  }

  /**
   * Watches these files from now on, and no others. A file that was watched before and has changed meanwhile is told of, so nothing is
   * missed between two calls. Relative paths start at the working folder. Never throws.
   */
  watch(files: readonly string[]): void {
    if (this.#closed) return
    const before = this.#files
    this.#files = new Map(files.map((file) => [resolve(file), before.get(resolve(file)) ?? describeFile(file)]))
    this.#watchFolders()
    this.#wait()
  }

  close(): void {
    this.#closed = true
    this.#stopTimers()
    for (const { watcher } of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  #watchFolders(): void {
    const wanted = new Map<string, Set<string>>()
    for (const file of this.#files.keys()) {
      for (const { folder, name } of watchPoints(file)) {
        wanted.set(folder, (wanted.get(folder) ?? new Set()).add(name))
      }
    }
    for (const [folder, { watcher }] of this.#folders) {
      if (wanted.has(folder)) continue
      watcher.close()
      this.#folders.delete(folder)
    }
    for (const [folder, names] of wanted) {
      const watched = this.#folders.get(folder)
      const inode = describeFile(folder, ['dev', 'ino'])
      if (watched?.inode === inode) watched.names = names
      else this.#watchFolder(folder, { inode, names })
    }
  }

  #watchFolder(folder: string, seen: { readonly inode: string; readonly names: ReadonlySet<string> }): void {
    this.#folders.get(folder)?.watcher.close()
    this.#folders.delete(folder)
    const ownName = parse(folder).base
    const fail = (error: Error) => {
      this.#folders.get(folder)?.watcher.close()
      this.#folders.delete(folder)
      if (this.#unwatched.has(folder)) return
      this.#unwatched.add(folder)
      this.#options.unwatched(folder, error.message)
    }
    try {
      const watcher = watch(folder, { persistent: false })
      const watched: WatchedFolder = { ...seen, watcher }
      watcher.on('error', fail)
      watcher.on('change', (_event, name) => {
        // Its own name: the folder itself was moved or deleted.
        if (name === null || watched.names.has(String(name)) || name === ownName) this.#wait()
      })
      this.#folders.set(folder, watched)
      this.#unwatched.delete(folder)
    } catch (error) {
      fail(error as Error)
    }
  }

  #wait(): void {
    if (this.#closed) return
    const look = () => this.#look()
    this.#quiet = this.#quiet?.refresh() ?? setTimeout(look, this.#quietMs).unref()
    this.#latest ??= setTimeout(look, this.#quietMs * quietTimesMax).unref()
  }

  #stopTimers(): void {
    clearTimeout(this.#quiet)
    clearTimeout(this.#latest)
    this.#quiet = undefined
    this.#latest = undefined
  }

  #look(): void {
    this.#stopTimers()
    const before = this.#files
    this.#files = new Map(Array.from(before.keys(), (file) => [file, describeFile(file)]))
    this.#watchFolders()
    for (const [file, description] of this.#files) {
      if (before.get(file) === description) continue
      if (this.#options.changed()) return
      this.#files = before
      this.#wait()
      return
    }
  }
}

type WatchedFolder = {
  readonly watcher: FSWatcher
  /** Of the folder that stood there when watching began. */
  readonly inode: string
  /** Entries whose changes matter. */
  names: ReadonlySet<string>
}

/** Tells a file from every other one that stood or will stand under its name. */
function describeFile(
  file: string,
  parts: readonly ('dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs')[] = ['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'],
): string {
  try {
    const stats = statSync(file, { bigint: true })
    return parts.map((part) => stats[part]).join(' ')
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}

/** The folder entries that decide what the path leads to: each link on the way, and the last entry, or the first that is missing. */
function watchPoints(file: string): { folder: string; name: string }[] {
  const points: { folder: string; name: string }[] = []
  let rest = resolve(file)
    .slice(parse(resolve(file)).root.length)
    .split(sep)
  let folder = parse(resolve(file)).root
  let links = 0
  while (rest.length > 0) {
    const [name = '', ...further] = rest
    const target = readLink(join(folder, name))
    if (target === 'missing' || (target === undefined && further.length === 0)) return [...points, { folder, name }]
    rest = further
    if (target === undefined) {
      folder = join(folder, name)
      continue
    }
    points.push({ folder, name })
    links += 1
    if (links > linksMax) return points
    const whole = resolve(folder, target.path)
    folder = parse(whole).root
    rest = [
      ...whole
        .slice(folder.length)
        .split(sep)
        .filter((part) => part !== ''),
      ...further,
    ]
  }
  return points
}

/** Where a link leads to; undefined for what is no link. */
function readLink(path: string): { readonly path: string } | 'missing' | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? { path: readlinkSync(path) } : undefined
  } catch {
    return 'missing'
  }
}
