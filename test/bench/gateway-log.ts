/** A message of the process log with its fields. */
export type LogLine = { readonly message: string } & Readonly<Record<string, unknown>>

/** The last line with that message in the log of a gateway; undefined when there is none. */
export function findLogLine(log: string, message: string): LogLine | undefined {
  return log
    .split('\n')
    .flatMap((line): LogLine[] => {
      try {
        const parsed = JSON.parse(line) as LogLine
        return parsed.message === message ? [parsed] : []
      } catch {
        // The first line may be cut off, and what is no log line may stand between.
        return []
      }
    })
    .at(-1)
}
