import { existsSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'

/**
 * A script for browsers from its source (the address of a `.ts` file): without types, comments that start a line, and blank lines. In a
 * built package it has no types any more.
 */
export function readBrowserModule(source: URL): string {
  const text = existsSync(source)
    ? stripTypeScriptTypes(readFileSync(source, 'utf8'))
    : readFileSync(new URL(source.href.replace(/\.ts$/, '.js')), 'utf8')
  return text
    .replace(/^[ \t]*(?:\/\*\*[\s\S]*?\*\/|\/\/.*)$/gm, '')
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{2,}/g, '\n')
}

/** The import lines of such a script, with other addresses for what stands beside it, by name. */
export function moveImports(text: string, addressOf: (name: string) => string): string {
  return text.replace(/(from |import )'\.\/([a-z0-9-]+)\.(?:ts|js)'/g, (_, how: string, name: string) => {
    return `${how}'${addressOf(name)}'`
  })
}
