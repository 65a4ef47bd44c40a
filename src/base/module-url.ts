import { basename, dirname, extname, join } from 'node:path'

// The program runs in two forms: from a clone, where Node strips the types of `src/**/*.ts`, and from the package, where the same
// tree is built as `dist/**/*.js`. The compiler rewrites imports; places that name a module as text ask here.

const extension = extname(import.meta.filename)
const folder = basename(dirname(import.meta.dirname))

/** URL of a module of the program; `path` is relative to `importer`, a module's URL, and has no extension. */
export function moduleUrl(path: string, importer: string): URL {
  return new URL(`${path}${extension}`, importer)
}

/** File of a module of the program below another root: `<root>/src/main.ts` or `<root>/dist/main.js`. */
export function programFile(root: string, name: string): string {
  return join(root, folder, `${name}${extension}`)
}
