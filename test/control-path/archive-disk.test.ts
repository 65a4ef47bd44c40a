// Goal: a full, read-only or vanished disk loses nothing that it has to keep, is told once, and is over as soon as it is over. Method: a
// small file system in memory, mounted where only a process of the test sees it; archive-disk-inside.ts has the tests.
import { join } from 'node:path'
import t from 'tap'

const inside = join(import.meta.dirname, 'archive-disk-inside.ts')
// Mounts of this process are seen by nobody else and end with it; whoever is not root becomes so in a user namespace.
const unshare = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--user', '--map-root-user']

t.spawn('unshare', [...unshare, process.execPath, ...process.execArgv, inside], 'with file systems of its own')
