import { hash } from 'node:crypto'
import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { composeMail, findFault } from './compose-mail.ts'
import type { MailOutlet, OutgoingMail } from './mail-outlet.ts'

/**
 * Writes each mail into a folder as a file (.eml, RFC 5322), whole or not at all, readable by this program's user only. The folder is
 * made when it is missing.
 */
export function createFolderOutlet(folder: string): MailOutlet {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
  return {
    width: 1,
    attemptMsMax: 30_000,
    async send(mail) {
      const fault = findFault(mail)
      if (fault !== undefined) return fault
      try {
        const { message } = await transport.sendMail(composeMail(mail))
        await writeWhole(folder, { name: nameOf(mail), content: message as Buffer })
        return { kind: 'sent' }
      } catch (error) {
        return { kind: 'server', error: error instanceof Error ? error.message : String(error) }
      }
    },
    close: () => {},
  }
}

/** Time, what it is about and an id: sorted by name, they stand in the order in which they were sent. */
function nameOf({ id, dateMs }: OutgoingMail): string {
  const time = new Date(dateMs).toISOString().replace(/[:.]/g, '-')
  const subject = id.slice(0, id.indexOf(':')).replace(/[^a-z]/g, '')
  return `${time}-${subject === '' ? 'mail' : subject}-${hash('sha256', id, 'hex').slice(0, 12)}.eml`
}

async function writeWhole(folder: string, { name, content }: { name: string; content: Buffer }): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const unfinished = join(folder, `.${name}.unfinished`)
  const file = await open(unfinished, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(unfinished, join(folder, name))
}
