import { z } from 'zod'
import { configFile } from './config-file.ts'

/** One field of the configuration file in words; lists and groups have a row of their own and rows for what they hold. */
export type FieldRow = {
  /** Path with `[]` for the entries of a list, for example `doors.certificate[].listen[].port`. */
  readonly path: string
  readonly kind: 'group' | 'list' | 'value'
  /** What the field must be; finishes "Cannot use <path> as …". */
  readonly expected: string
  readonly required: boolean
  /** The default as JSON; undefined where there is none. */
  readonly defaultJson: string | undefined
  readonly description: string
  /** Never shown in a message. */
  readonly secret: boolean
}

type SchemaNode = {
  type?: string
  properties?: Record<string, SchemaNode>
  required?: string[]
  items?: SchemaNode
  oneOf?: SchemaNode[]
  anyOf?: SchemaNode[]
  enum?: string[]
  const?: string
  pattern?: string
  minimum?: number
  maximum?: number
  minItems?: number
  default?: unknown
  description?: string
  expected?: string
  secret?: boolean
}

const variablePattern = '\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}'

/**
 * The JSON Schema (draft 2020-12) of the file as it is written, for editors. Wherever the schema narrows a text, a text
 * with a `${NAME}` in it is let through: its value is known only when the program starts.
 */
export function exportSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configFile, {
    io: 'input',
    override: ({ jsonSchema }) => {
      const node = jsonSchema as SchemaNode
      delete node.expected
      delete node.secret
      const narrow = narrowing(node)
      if (narrow === undefined) return
      node.anyOf = [narrow, { pattern: variablePattern }]
      for (const key of Object.keys(narrow)) delete node[key as keyof SchemaNode]
      node.type = 'string'
    },
  })
  const { $schema, ...rest } = schema
  return { $schema, title: 'Configuration of a Sekisho gateway', ...rest }
}

function narrowing(node: SchemaNode): SchemaNode | undefined {
  if (node.pattern !== undefined) return { pattern: node.pattern }
  if (node.enum !== undefined) return { enum: node.enum }
  return undefined
}

/** Every field of the file, in the order of the schema. */
export function explainConfig(): readonly FieldRow[] {
  const rows: FieldRow[] = []
  addFields(rows, z.toJSONSchema(configFile, { io: 'input' }) as SchemaNode, '')
  return rows
}

function addFields(rows: FieldRow[], group: SchemaNode, path: string): void {
  for (const [name, node] of Object.entries(mergedProperties(group))) {
    const required = group.required?.includes(name) ?? group.oneOf?.[0]?.required?.includes(name) ?? false
    addRow(rows, node, { path: path === '' ? name : `${path}.${name}`, required })
  }
}

function addRow(rows: FieldRow[], node: SchemaNode, at: { path: string; required: boolean }): void {
  const kind = node.items !== undefined ? 'list' : isGroup(node) ? 'group' : 'value'
  rows.push({
    ...at,
    kind,
    expected: expectation(node),
    defaultJson: node.default === undefined ? undefined : JSON.stringify(node.default),
    description: node.description ?? '',
    secret: node.secret ?? false,
  })
  if (node.items !== undefined) addRow(rows, node.items, { path: `${at.path}[]`, required: false })
  if (kind === 'group') addFields(rows, node, at.path)
}

function isGroup(node: SchemaNode): boolean {
  return node.properties !== undefined || node.oneOf !== undefined
}

/** Alternatives of one group (`loginId`) are shown as one group with the fields of all of them. */
function mergedProperties(group: SchemaNode): Record<string, SchemaNode> {
  if (group.oneOf === undefined) return group.properties ?? {}
  const merged: Record<string, SchemaNode> = {}
  for (const alternative of group.oneOf) {
    for (const [name, node] of Object.entries(alternative.properties ?? {})) {
      const earlier = merged[name]
      if (earlier === undefined) merged[name] = node.const === undefined ? node : { ...node, enum: [node.const] }
      else if (node.const !== undefined) earlier.enum?.push(node.const)
    }
  }
  return merged
}

function expectation(node: SchemaNode): string {
  if (node.expected !== undefined) return node.expected
  if (node.enum !== undefined) return node.enum.length === 1 ? String(node.enum[0]) : `one of ${node.enum.join(', ')}`
  if (node.const !== undefined) return node.const
  if (node.items !== undefined) {
    const least = node.minItems === undefined ? 'a list' : 'a list of at least 1 entry'
    return isGroup(node.items) ? least : `${least}, each ${expectation(node.items)}`
  }
  if (isGroup(node)) return 'a group of fields'
  if (node.type === 'integer') return `a whole number from ${node.minimum} to ${node.maximum}`
  if (node.type === 'boolean') return 'true or false'
  return 'a text that is not empty'
}
