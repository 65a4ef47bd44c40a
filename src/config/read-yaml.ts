import { LineCounter, parseDocument } from 'yaml'
import { GatewayError } from '../base/errors.ts'

const aliasesMax = 32

/** Syntax faults in our words: the library's texts may repeat what stands in the file, and that may be a secret. */
const syntaxFaults: Record<string, string> = {
  BAD_ALIAS: 'an alias that is not well formed',
  BAD_INDENT: 'indentation that does not fit',
  BAD_SCALAR_START: 'a value that starts with a reserved character and needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " on one line; put the value in quotes',
  DUPLICATE_KEY: 'a key that stands there twice',
  MISSING_CHAR: 'a missing character, such as a closing quote or a colon',
  MULTIPLE_DOCS: 'a second document; one file holds one configuration',
  NON_STRING_KEY: 'a key that is not a plain text',
  TAB_AS_INDENT: 'a tab as indentation; use spaces',
  TAG_RESOLVE_FAILED: 'a tag that is not known',
  UNEXPECTED_TOKEN: 'something that does not belong there; a value with { } in it may need quotes',
}

/**
 * Reads one YAML 1.2 document (core schema) into plain data. Duplicate keys, unknown tags, a second document and more
 * than 32 aliases are refused. `source` names the file in messages.
 * Throws `config_invalid` with line and column of every syntax fault, never with the text that stands there.
 */
export function readYaml(text: string, source: string): unknown {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, {
    lineCounter,
    // Not `silent`: the library then takes the first of several documents without a word.
    logLevel: 'error',
    prettyErrors: false,
    schema: 'core',
    stringKeys: true,
    uniqueKeys: true,
    version: '1.2',
  })
  const faults = [...document.errors, ...document.warnings].map((fault) => {
    const { line, col } = lineCounter.linePos(fault.pos[0])
    return `- line ${line}, column ${col}: ${syntaxFaults[fault.code] ?? fault.code.toLowerCase().replaceAll('_', ' ')}`
  })
  if (faults.length > 0) {
    throw new GatewayError('config_invalid', `Cannot use ${source} as YAML: current text has\n${faults.join('\n')}`)
  }
  try {
    return document.toJS({ maxAliasCount: aliasesMax })
  } catch {
    // Only aliases fail this late; the cause's message would repeat the alias as written.
    const limit = `current text has an alias without an anchor, or more than ${aliasesMax} aliases`
    throw new GatewayError('config_invalid', `Cannot use ${source} as YAML: ${limit}`)
  }
}
