import pino from 'pino'
import { redactFields, redactText } from './redact.ts'

export type LogFields = Readonly<Record<string, unknown>>
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** The process log: one JSON line per message, secrets replaced. A fault goes under the field `error`. */
export type Log = {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** A log whose level can change. */
export type LevelledLog = Log & { useLevel(level: LogLevel): void }

/** Where lines go, each with its newline. */
export type LogDestination = { write(line: string): void }

/**
 * @param level messages below it are not written
 * @param destination default: standard error, written at once, so that the last words of a crash are not lost
 * @param fields written with each message, for example `{ thread: 'worker-0' }`
 */
export function createLog(options: {
  readonly level: LogLevel
  readonly destination?: LogDestination
  readonly fields?: LogFields
}): LevelledLog {
  const writer = pino(
    {
      level: options.level,
      base: { pid: process.pid, ...redactFields(options.fields ?? {}) },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  )
  const write = (level: LogLevel, message: string, fields: LogFields | undefined) => {
    if (!writer.isLevelEnabled(level)) return
    // Redaction by pino needs each path by name; ours goes by field name at any depth and looks into texts.
    if (fields === undefined) writer[level](redactText(message))
    else writer[level](redactFields(fields), redactText(message))
  }
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    useLevel: (level) => {
      writer.level = level
    },
  }
}
