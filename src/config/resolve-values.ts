import { resolve } from 'node:path'
import { type FileAccess, isOpenToOthers, showMode, unreadableReason } from './file-access.ts'
import { type FieldPath, isSecret, type ProblemList, showPath } from './problem-list.ts'

type ResolveOptions = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly files: FileAccess
  /** Where relative `file:` paths start. */
  readonly folder: string
  readonly problems: ProblemList
}

/**
 * The tree with every `${NAME}` in a text replaced by that environment variable (`$${` stands for `${`), and with
 * secret fields that then start with `file:` replaced by that file's content without its last line end.
 * Replaced text is not looked at again. What cannot be resolved becomes a problem and stays as written.
 */
export function resolveValues(tree: unknown, options: ResolveOptions): unknown {
  return resolveAt(tree, [], options)
}

function resolveAt(value: unknown, path: FieldPath, options: ResolveOptions): unknown {
  if (typeof value === 'string') return resolveText(value, path, options)
  if (Array.isArray(value)) return value.map((entry, index) => resolveAt(entry, [...path, index], options))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  // Object.fromEntries makes an own property even of `__proto__`, so such a key is refused later like any unknown one.
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, resolveAt(entry, [...path, name], options)]),
  )
}

function resolveText(text: string, path: FieldPath, options: ResolveOptions): string {
  const expanded = text.replace(/\$(\$\{)|\$\{([^}]*)(\}?)/g, (written, escaped, name, close) => {
    if (escaped !== undefined) return escaped
    if (close === '' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      const reason = `a variable is written \${NAME}; for the characters themselves write $\${`
      options.problems.add(path, { expected: 'a text with environment variables', reason })
      return written
    }
    const value = Object.hasOwn(options.env, name) ? options.env[name] : undefined
    if (value !== undefined) return value
    const reason = `the environment variable ${name} is not set`
    options.problems.add(path, { expected: 'a text with environment variables', reason })
    return written
  })
  if (!isSecret(path)) return expanded
  if (expanded.startsWith('file:')) return readSecret(resolve(options.folder, expanded.slice(5)), path, options)
  if (expanded === text && !plainUrl.test(text)) {
    options.problems.warn(
      `${showPath(path)} stands in the configuration file itself: whoever may read that file has the secret; use \${NAME} or file:`,
    )
  }
  return expanded
}

/** A URL without user name and password, in a field where one may stand. */
const plainUrl = /^[a-z][a-z0-9+.-]*:\/\/[^@?#]*$/i

function readSecret(file: string, path: FieldPath, options: ResolveOptions): string {
  try {
    const mode = options.files.fileMode(file)
    if (isOpenToOthers(mode)) {
      options.problems.warn(
        `The file of ${showPath(path)} has mode ${showMode(mode)}: others on this machine may read the secret; use chmod 600`,
      )
    }
    return options.files
      .readFile(file)
      .toString('utf8')
      .replace(/\r?\n$/, '')
  } catch (error) {
    options.problems.add(path, { expected: 'a readable secret file', reason: unreadableReason(error) })
    return ''
  }
}
