import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's root folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

export type SourceFile = {
  /** Path from the root, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
}

export type Import = {
  /** Path from the root, or the name of a package or builtin. */
  readonly target: string
  readonly kind: 'file' | 'package' | 'builtin'
  /** Nothing of it is left when types are stripped. */
  readonly typeOnly: boolean
}

/** All files below a folder whose name ends in one of `endings`, sorted by path. */
export function readFiles(folder: string, endings: readonly string[]): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => readSource(`${folder}/${name}`))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** One file by its path from the root. */
export function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8')
  return { path, text, lines: text.split('\n') }
}

/** What a module imports or re-exports, statically or by `import()` of a plain text. */
export function importsOf({ path, text }: SourceFile): Import[] {
  const found: Import[] = []
  const add = (specifier: string, typeOnly: boolean) => {
    if (specifier.startsWith('.')) {
      found.push({ target: normalize(join(dirname(path), specifier)), kind: 'file', typeOnly })
    } else if (specifier.startsWith('node:')) found.push({ target: specifier, kind: 'builtin', typeOnly })
    else found.push({ target: packageName(specifier), kind: 'package', typeOnly })
  }
  for (const [, type, names = '', from = '', bare] of text.matchAll(
    /^(?:import|export)( type)? ?([\w*{}\s,]*?)\s*from '([^'\n]+)'|^import '([^'\n]+)'/gm,
  )) {
    add(bare ?? from, bare === undefined && (type !== undefined || hasOnlyTypes(names)))
  }
  for (const [, from = ''] of text.matchAll(/\bimport\('([^'\n]+)'\)/g)) add(from, false)
  return found
}

/** `{ type A, type B }`; a default or namespace import is a value. */
function hasOnlyTypes(names: string): boolean {
  const list = /^\{([^}]*)\}$/.exec(names.trim())?.[1]?.split(',') ?? ['value']
  return list.map((name) => name.trim()).every((name) => name === '' || name.startsWith('type '))
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** First folder of a file below src, or the file's own name where it lies in src itself. */
export function folderOf(path: string): string {
  return path.split('/')[1] ?? path
}

/** The text without comments; lines stay where they are. For rules that must also see what stands in templates. */
export function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/ [^\n]*/gm, (part) => part.replace(/[^\n]/g, ' '))
}

/** The text without comments and without what stands between quotes; lines stay where they are. */
export function codeOf(text: string): string {
  const blank = (part: string) => part.replace(/[^\n]/g, ' ')
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`|(?<=[=(,:!&|?]\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g,
    blank,
  )
}
