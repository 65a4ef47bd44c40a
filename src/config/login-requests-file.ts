import { z } from 'zod'
import { flag, text, whole } from './field.ts'

const loginRequest = z.strictObject({
  path: text(
    'Path the application takes logins on, whatever its case and however it is escaped; with an extension (`/login.do`) and with a slash behind it too',
    {
      pattern: /^\/$|^(\/[A-Za-z0-9._~-]+)+$/,
      expected: 'a path that starts with /, of letters, digits, `.`, `_`, `~` and `-`, without / at its end',
    },
  ),
  loginIdField: text('Name of the form field, or of the member of the JSON object, that holds the login ID', {
    pattern: /^[A-Za-z0-9_.:-]{1,64}$/,
    expected: 'up to 64 letters, digits, `_`, `.`, `:` and `-`',
  }).default('loginId'),
  includeBelow: flag(
    false,
    'Whether everything below the path is a login too: for applications that hand all of it to the same code',
  ),
  bodyBytesMax: whole([256, 1_048_576], 16_384, 'Largest body of a login; it is held until it has been read'),
})

/** Which requests of the public door are logins with ID and password, as it is written. */
export const loginRequestsFile = z
  .array(loginRequest)
  .default([])
  .describe(
    'Where the application takes logins with ID and password. Their login ID is read, and only users of contracts in password mode are let through (R22); what cannot be read in one way only is refused. Needs a directory. Empty: the application decides',
  )

/** Whether login IDs that the directory does not know go to the application. */
export const passUnknownFile = flag(
  false,
  'Whether logins with a login ID that the directory does not know go to the application. Only for one that compares login IDs octet by octet: any other lets a user of a contract in certificate mode in who writes their login ID in another way',
)
