import { GatewayError } from '../base/errors.ts'
import { explainConfig, type FieldRow } from './explain-config.ts'

/** Where a field stands, for example `['doors', 'certificate', 0, 'name']`. */
export type FieldPath = readonly (string | number)[]

const rows: ReadonlyMap<string, FieldRow> = new Map(explainConfig().map((row) => [row.path, row]))

/**
 * Collects everything that is wrong with one configuration, one problem a field, and everything worth a warning.
 * It knows the file as it was written, so that a message shows `${NAME}` and not what the environment held.
 */
export class ProblemList {
  readonly warnings: string[] = []
  readonly #written: unknown
  readonly #problems = new Map<string, string>()

  constructor(written: unknown) {
    this.#written = written
  }

  /**
   * Notes "Cannot use <path> as <expected>: current value is <value>". The first problem of a field stays.
   * `reason` and `expected` must hold nothing of the environment and nothing of a file's content.
   */
  add(path: FieldPath, problem: { expected?: string; reason?: string }): void {
    const shownPath = showPath(path)
    if (this.#problems.has(shownPath)) return
    const expected = problem.expected ?? rowOf(path)?.expected ?? 'a known field'
    const reason = problem.reason === undefined ? '' : ` (${problem.reason})`
    this.#problems.set(
      shownPath,
      `Cannot use ${shownPath} as ${expected}: current value is ${this.show(path)}${reason}`,
    )
  }

  /** Notes a key that is no field. Its value is not shown: it may be a secret under a misspelt name. */
  addUnknown(path: FieldPath, hint: string): void {
    const shownPath = showPath(path)
    this.#problems.set(shownPath, `Cannot use ${shownPath} as a field: current name is not known (${hint})`)
  }

  warn(text: string): void {
    this.warnings.push(text)
  }

  has(path: FieldPath): boolean {
    return this.#problems.has(showPath(path))
  }

  /** The value as written, fit for a message: no secret, no PEM text, no password of a URL, and not too long. */
  show(path: FieldPath): string {
    if (isSecret(path)) return 'a secret (not shown)'
    const value = this.written(path)
    if (value === undefined) return fallbackOf(path)
    if (value === null) return 'empty (null)'
    if (Array.isArray(value)) return `a list of ${value.length}`
    if (typeof value === 'object') return 'a group of fields'
    if (typeof value !== 'string') return String(value)
    if (value.includes('-----BEGIN')) return 'PEM text (not shown; give the path of a file)'
    if (kindOf(path) !== 'value') return 'a text'
    // Up to the last @: a password may hold unescaped characters that end the authority of a URL.
    const masked = value.replace(/\/\/.*@/s, '//(not shown)@')
    return JSON.stringify(masked.length > 100 ? `${masked.slice(0, 100)}…` : masked)
  }

  /** What stands in the file at that path, before `${NAME}` and `file:` are resolved; undefined where nothing does. */
  written(path: FieldPath): unknown {
    let value: unknown = this.#written
    for (const step of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
      value = (value as Record<string | number, unknown>)[step]
    }
    return value
  }

  /** Throws `config_invalid` with every problem, if there is one. `source` names the configuration. */
  throwIfAny(source: string): void {
    const [first] = this.#problems.keys()
    if (first === undefined) return
    const lines = [...this.#problems.values()]
    const count = lines.length === 1 ? '1 problem' : `${lines.length} problems`
    const message = `Cannot use ${source} as a configuration: it has ${count}\n${lines.map((line) => `- ${line}`).join('\n')}`
    throw new GatewayError('config_invalid', message, { path: first })
  }
}

/** `doors.certificate[0].name`; a key that is not a plain word stands in quotes. */
export function showPath(path: FieldPath): string {
  let shown = ''
  for (const step of path) {
    if (typeof step === 'number') shown += `[${step}]`
    else if (/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(step)) shown += shown === '' ? step : `.${step}`
    else shown += `[${JSON.stringify(step.slice(0, 64))}]`
  }
  return shown === '' ? 'the file' : shown
}

/** The row of `explainConfig` for a path, list positions ignored; undefined for what is no field. */
export function rowOf(path: FieldPath): FieldRow | undefined {
  return rows.get(genericPath(path))
}

/** Names a group knows; empty for what is no group. */
export function namesIn(path: FieldPath): readonly string[] {
  const prefix = path.length === 0 ? '' : `${genericPath(path)}.`
  const names = [...rows.keys()].filter((known) => known.startsWith(prefix)).map((known) => known.slice(prefix.length))
  return names.filter((name) => !/[.[]/.test(name))
}

/** Paths of all fields with that name, anywhere in the file. */
export function pathsNamed(name: string): readonly string[] {
  return [...rows.keys()].filter((path) => path.split('.').at(-1) === name)
}

/** Whether the field, or a field that it stands in, is a secret. */
export function isSecret(path: FieldPath): boolean {
  return path.some((_, index) => rowOf(path.slice(0, index + 1))?.secret === true)
}

function genericPath(path: FieldPath): string {
  return path.map((step, index) => (typeof step === 'number' ? '[]' : index === 0 ? step : `.${step}`)).join('')
}

function kindOf(path: FieldPath): FieldRow['kind'] {
  return rowOf(path)?.kind ?? 'group'
}

function fallbackOf(path: FieldPath): string {
  const fallback = rowOf(path)?.defaultJson
  return fallback === undefined ? 'nothing (the field is missing)' : `${fallback} (the default)`
}
