// Which licences a gateway's packages have, and where their texts lie. Plain JavaScript for any Node from 20 on.
//
//   node scripts/licences.js     prints the table; exit code 1 for a licence that is not allowed, or a text that is missing
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageAt, runtimePackages } from './lock-file.js'

/** Licences that let the gateway be used and passed on in a bank. Another one is a decision, and then stands here. */
export const allowedLicences = ['MIT', 'MIT-0', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD']

const textName = /^(licen[cs]e|copying|notice)([.-].*)?$/i

/**
 * A row for each package a gateway runs with: name, version, licence and `texts`, the files that hold it and notices, by their path from
 * `root`. A package for another system is not installed here; its texts are those of the package itself.
 */
export function licenceRows(root) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  return runtimePackages(lock).map(([place, { version, license, optional }]) => {
    const folder = join(root, place)
    const isHere = existsSync(folder)
    const names = isHere ? readdirSync(folder).filter((name) => textName.test(name)) : []
    const texts = names.sort().map((name) => `${place}/${name}`)
    return {
      name: packageAt(place),
      version,
      licence: license ?? 'unknown',
      texts,
      isHere,
      isOptional: optional === true,
    }
  })
}

/** What is wrong with the rows, a sentence each. */
export function licenceFaults(rows) {
  return rows.flatMap(({ name, version, licence, texts, isHere, isOptional }) => {
    const faults = []
    if (!allowedLicences.includes(licence))
      faults.push(`${name} ${version} has the licence ${licence}, which is not in the list`)
    if (isHere && texts.length === 0) faults.push(`${name} ${version} brings no text of its licence`)
    if (!isHere && !isOptional) faults.push(`${name} ${version} is not installed`)
    return faults
  })
}

/** The rows as text in columns. */
export function licenceTable(rows) {
  const cells = [
    ['Package', 'Version', 'Licence', 'Text'],
    ...rows.map(({ name, version, licence, texts, isHere }) => [
      name,
      version,
      licence,
      isHere ? texts.join(', ') : 'in the package, which is for another system',
    ]),
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column].length)))
  return cells.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`).join('')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const rows = licenceRows(dirname(dirname(fileURLToPath(import.meta.url))))
  process.stdout.write(licenceTable(rows))
  const faults = licenceFaults(rows)
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
}
