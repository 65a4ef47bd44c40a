import { dirname } from 'node:path'
import type { EnrollFiles } from './enroll-files.ts'

/** What the user does next, as text; R26: the portable file is imported as not exportable where that can be said, and deleted. */
export function enrollSteps(files: EnrollFiles, { renewed }: { readonly renewed: boolean }): string {
  const p12 = shellText(files.pkcs12)
  const key = shellText(files.key)
  return [
    'Next steps',
    '  1. Import the .p12 file with its password:',
    `     Linux, Chrome or Chromium:  pk12util -d sql:$HOME/.pki/nssdb -i ${p12}`,
    '       (pk12util is in libnss3-tools or nss-tools; if it finds no database: mkdir -p $HOME/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -N)',
    `     macOS, Chrome or Safari:    security import ${p12} -k login.keychain-db -x`,
    '     Firefox:                    Settings, Privacy & Security, View Certificates, Your Certificates, Import',
    '  2. Close all browser windows, open the browser again, and log in.',
    ...(renewed ? ['     Choose the new certificate. Once it is used, the old one no longer works.'] : []),
    `  3. When the login has worked, delete the copies of the key:  rm ${p12} ${key}`,
    `     What was written is in ${shellText(dirname(files.key))}`,
    '',
  ].join('\n')
}

/** A path as a POSIX shell takes it, whatever it holds. */
function shellText(text: string): string {
  return /^[\w./@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
