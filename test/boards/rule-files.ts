import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { readSource, root } from '../tidy/source-files.ts'

const folder = 'config/prometheus'

/** A rule of config/prometheus/. */
export type Rule = {
  /** File, and name of the alert or of the series that is recorded. */
  readonly where: string
  readonly kind: 'alert' | 'record'
  readonly name: string
  readonly expr: string
}

type RuleFile = {
  readonly groups?: readonly {
    readonly rules: readonly { readonly alert?: string; readonly record?: string; readonly expr: string | number }[]
  }[]
}

/** The files with rule groups, by name; tests of rules and examples of a configuration lie beside them. */
export function ruleTexts(): Readonly<Record<string, string>> {
  return Object.fromEntries(ruleFileNames().map((name) => [name, readSource(`${folder}/${name}`).text]))
}

export function readRules(): Rule[] {
  return ruleFileNames().flatMap((file) =>
    (read(file).groups ?? []).flatMap(({ rules }) =>
      rules.map(({ alert, record, expr }) => {
        const name = alert ?? record ?? ''
        return { where: `${file} / ${name}`, kind: alert === undefined ? 'record' : 'alert', name, expr: String(expr) }
      }),
    ),
  )
}

function ruleFileNames(): string[] {
  const names = readdirSync(join(root, folder)).filter((name) => /\.ya?ml$/.test(name))
  return names.filter((name) => read(name).groups !== undefined).sort()
}

function read(name: string): RuleFile {
  return (parse(readSource(`${folder}/${name}`).text) ?? {}) as RuleFile
}

const comparator = /^(==|!=|<=|>=|<|>)/
/** What ends the right side of a comparison: operators that bind less, and the end of what stands in parentheses. */
const sideEnd = /^(and|or|unless)\b/i

/**
 * What an alert looks at, whether or not it fires: of every comparison its left side stays, of `unless` too, and `absent(x)` becomes `x`.
 * Comparisons within braces and strings are none; within brackets (a subquery's range) there are none.
 */
export function withoutComparisons(expr: string): string {
  let kept = ''
  let depth = 0
  /** Depth at which a right side is being left out. */
  let leftOut: number | undefined
  for (let at = 0; at < expr.length; ) {
    const rest = expr.slice(at)
    const token =
      /^("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\{[^}]*\}|#[^\n]*|\w+|==|!=|<=|>=|[\s\S])/.exec(rest)?.[0] ?? ''
    if (token === '(') depth++
    if (token === ')' && leftOut === depth--) leftOut = undefined
    if (leftOut === depth && sideEnd.test(token) && !/^unless$/i.test(token)) leftOut = undefined
    if (leftOut === undefined && (comparator.test(token) || /^unless$/i.test(token))) leftOut = depth
    if (leftOut === undefined && !token.startsWith('#')) kept += token
    at += token.length
  }
  return kept.replaceAll(/\babsent(_over_time)?\(/g, '(').trim()
}
