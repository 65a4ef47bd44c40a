import { CommandError, exitCodes } from '../command-context.ts'

/** Of doors: eight characters of a worker's start, which connection, which request on it. */
const doorForm = /^[0-9a-z]{8}-[0-9a-z]{1,12}-[0-9a-z]{1,12}$/
/** Of the admin door, and of what the gateway does by itself. */
const otherForms = /^[0-9a-f]{6,32}-[0-9a-z]{1,12}$|^[a-z]{2,12}-[0-9a-z-]{8,60}$/

/**
 * A request id as it was meant: blanks, quotes and capitals come from the telephone and from mails. Throws CommandError for what cannot be
 * one, so that nobody looks through a year of logs for a typing error.
 */
export function readRequestId(text: string): string {
  const id = text
    .trim()
    .replace(/^["'“‘「]+|["'”’」.]+$/g, '')
    .replace(/\p{Dash_Punctuation}/gu, '-')
    .toLowerCase()
  if (doorForm.test(id) || otherForms.test(id)) return id
  const shown = JSON.stringify(text.slice(0, 100))
  throw new CommandError(
    `Cannot use ${shown} as a request id: ${whatIsWrong(id)}.\n` +
      'It has the form k3x9q0aa-1f-2: eight letters or digits, a hyphen, the number of the connection, a hyphen, the number of the request. ' +
      'It stands on error pages, in the field Sekisho-Request-Id that the application gets, and in both logs.',
    { exitCode: exitCodes.usage },
  )
}

function whatIsWrong(id: string): string {
  const strange = /[^0-9a-z-]/.exec(id)?.[0]
  if (strange !== undefined) return `there is no ${JSON.stringify(strange)} in one`
  const parts = id.split('-')
  if (parts.length !== 3) return `it has ${parts.length} ${parts.length === 1 ? 'part' : 'parts'} instead of three`
  const length = parts[0]?.length ?? 0
  return length === 8 ? 'a part is empty or too long' : `its first part has ${length} characters instead of eight`
}
