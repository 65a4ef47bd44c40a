/**
 * The fields of a CSV record (RFC 4180 2); quoted ones may hold commas, doubled quotes and line ends. Undefined where quotes stand in the
 * middle of a field or do not end.
 */
export function splitCsvRecord(record: string): string[] | undefined {
  const fields: string[] = []
  const field = /\s*"((?:[^"]|"")*)"\s*(,|$)|([^",]*)(,|$)/y
  for (let ended = false; !ended; ) {
    const match = field.exec(record)
    if (match === null) return undefined
    const [, quoted, afterQuoted, plain = '', afterPlain] = match
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    ended = (afterQuoted ?? afterPlain) !== ','
  }
  return field.lastIndex === 0 || field.lastIndex === record.length ? fields : undefined
}

/** A CSV record, without its end; fields are quoted where they must be. `splitCsvRecord` takes it apart again. */
export function csvRecordOf(fields: readonly string[]): string {
  return fields.map((field) => (/[",\r\n]|^\s|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')
}
