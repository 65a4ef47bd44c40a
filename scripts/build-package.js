// Builds what `npm pack` puts into the package: JavaScript and declarations of `src/` in `dist/`. Runs by itself before packing
// (`prepack`); a clone needs none of it. The same tree gives the same bytes.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(root, 'src')
const dist = join(root, 'dist')

/** The compiler puts package.json, which the program imports, beside `src`: so it builds aside, and `src` of that becomes `dist`. */
function build(aside) {
  const compiler = join(root, 'node_modules', '.bin', 'tsc')
  const options = ['--project', join(root, 'tsconfig.build.json'), '--outDir', aside]
  const { status, error } = spawnSync(compiler, options, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0)
    throw new Error(`Cannot build the package: ${error?.message ?? `tsc ended with exit code ${status}`}`)
  return join(aside, 'src')
}

/** What is no TypeScript goes along as it is. */
function copyAssets(target) {
  for (const name of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!name.isFile() || name.name.endsWith('.ts')) continue
    const file = join(name.parentPath, name.name)
    cpSync(file, join(target, file.slice(source.length + 1)))
  }
}

/** npm keeps the modes of files, and those of new ones depend on who builds. */
function setModes(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
  }
}

if (!existsSync(source)) throw new Error(`Cannot build the package: there is no source in ${source}`)
const aside = mkdtempSync(join(root, '.build-'))
try {
  const built = build(aside)
  copyAssets(built)
  setModes(built)
  rmSync(dist, { recursive: true, force: true })
  renameSync(built, dist)
  chmodSync(dist, 0o755)
} finally {
  rmSync(aside, { recursive: true, force: true })
}
