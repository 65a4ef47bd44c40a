import { explainConfig, type FieldRow } from './explain-config.ts'

/** Between these lines of `config/README.md` stand the generated tables. */
export const fieldsBegin = '<!-- fields: written by scripts/export-config-docs.ts -->'
/** End of the drawn part of `config/README.md`; see `fieldsBegin`. */
export const fieldsEnd = '<!-- end of fields -->'

/** The field tables of `config/README.md` as Markdown, one section per group of the file. */
export function renderFields(rows: readonly FieldRow[] = explainConfig()): string {
  const sections = new Map<string, FieldRow[]>()
  for (const row of rows) {
    const section = sectionOf(row.path)
    sections.set(section, [...(sections.get(section) ?? []), row])
  }
  const parts: string[] = []
  for (const [section, members] of sections) {
    const head = section === '' ? undefined : members[0]
    const fields = head === undefined ? members : members.slice(1)
    parts.push(section === '' ? '### General' : `### \`${section}\``, '')
    if (head !== undefined) parts.push(...headLines(head))
    const lines = fields.filter(isShown).map(tableLine)
    if (lines.length > 0) parts.push('| Field | Must be | Default | Meaning |', '|---|---|---|---|', ...lines, '')
  }
  return parts.join('\n')
}

/** The README text with its generated part replaced. Throws if the two marker lines are not there. */
export function replaceFields(readme: string, tables: string = renderFields()): string {
  const begin = readme.indexOf(fieldsBegin)
  const end = readme.indexOf(fieldsEnd)
  if (begin < 0 || end < begin) throw new Error('Cannot find the marker lines of the field tables in the README')
  return `${readme.slice(0, begin + fieldsBegin.length)}\n\n${tables}\n${readme.slice(end)}`
}

const generalFields = new Set(['stateFolder', 'gatewayName', 'timeZone', 'directory', 'logLevel', 'workers'])

function sectionOf(path: string): string {
  const [first = '', second] = path.split('.')
  if (generalFields.has(first)) return ''
  if (first !== 'doors' || second === undefined) return first.replace('[]', '')
  return `doors.${second.replace('[]', '')}`
}

function headLines(head: FieldRow): string[] {
  const presence = head.required ? 'Required' : 'May be left out'
  const form = head.kind === 'list' ? `: ${head.expected}` : ''
  return [`${head.description} ${presence}${form}.`, '']
}

/** Entries of lists of plain values are told by their list; a group only where leaving it out means something. */
function isShown(row: FieldRow): boolean {
  if (row.path.endsWith('[]')) return false
  return row.kind !== 'group' || (!row.required && row.defaultJson !== '{}')
}

function tableLine(row: FieldRow): string {
  const fallback = row.required ? 'required' : row.defaultJson === undefined ? 'none' : `\`${row.defaultJson}\``
  return `| ${[`\`${row.path}\``, row.expected, fallback, row.description].map(cell).join(' | ')} |`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
