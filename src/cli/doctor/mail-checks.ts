import { accessSync, constants, statSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { MailDeliveryConfig } from '../../config/gateway-config.ts'
import type { Examined } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf } from './finding.ts'
import { reachTcp, reachTls } from './reach.ts'
import { canMake } from './write-rights.ts'

type Smtp = Extract<MailDeliveryConfig, { kind: 'smtp' }>

/** Longest answer of a mail server that is read. Unit: characters. */
const answerLengthMax = 65_536

/** Whether mails can leave: the server greets, and TLS stands where it must. Nobody logs in and no mail is sent. */
export function mailChecks({ config }: Pick<Examined, 'config'>): readonly Check[] {
  const { delivery } = config.notices
  if (delivery === undefined) return []
  if (delivery.kind === 'folder') {
    return [{ group: 'Mail', subject: delivery.folder, run: () => [folderFinding(delivery.folder)] }]
  }
  const subject = `${delivery.host}:${delivery.port}`
  return [{ group: 'Mail', subject, run: async (signal) => [await serverFinding(subject, delivery, signal)] }]
}

function folderFinding(folder: string): Finding {
  try {
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) {
      if (!canMake(folder)) throw new Error('it is not there, and this user may not make it')
      return ok(folder, 'mails go into this folder, once it is there')
    }
    accessSync(folder, constants.W_OK)
    return ok(folder, 'mails go into this folder')
  } catch (error) {
    return bad(
      folder,
      `mails cannot be put there: ${reasonOf(error)}`,
      `chown it to the user of the gateway: ${folder}`,
    )
  }
}

async function serverFinding(subject: string, smtp: Smtp, signal: AbortSignal): Promise<Finding> {
  const { host, port, security } = smtp
  let socket: Socket | undefined
  try {
    socket = await reachTcp({ host, port }, signal)
    const tls = {
      ...(smtp.caPem === undefined ? {} : { ca: smtp.caPem }),
      servername: host,
      minVersion: 'TLSv1.2',
    } as const
    let speaking: Socket = security === 'tls' ? await reachTls(socket, tls) : socket
    await say(speaking, undefined, 220)
    const offers = await say(speaking, 'EHLO sekisho-doctor', 250)
    if (security === 'starttls') {
      if (!/^250[ -]STARTTLS/im.test(offers)) throw new Error('it does not offer STARTTLS')
      await say(speaking, 'STARTTLS', 220)
      speaking = await reachTls(socket, tls)
      await say(speaking, 'EHLO sekisho-doctor', 250)
    }
    speaking.end('QUIT\r\n')
    return ok(
      subject,
      `it greets${security === 'none' ? ', without TLS' : ' over verified TLS'}; no mail was sent, no log-in tried`,
    )
  } catch (error) {
    const starttls = security === 'starttls' ? ' -starttls smtp' : ''
    const fix = `Try openssl s_client -connect ${host}:${port}${starttls}; then mend notices.smtp (host, port, security, ca), or the server`
    return bad(subject, `mails do not leave: ${reasonOf(error)}`, fix)
  } finally {
    socket?.destroy()
  }
}

/** One command and its whole answer (RFC 5321 4.2), which must have this code. Undefined: the greeting is waited for. */
async function say(socket: Socket, command: string | undefined, wanted: number): Promise<string> {
  if (command !== undefined) socket.write(`${command}\r\n`)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  const take = (chunk: Buffer) => {
    text += chunk.toString('latin1')
    if (/^\d{3}(?: .*)?\r?\n$/m.test(text)) resolve(text)
    else if (text.length > answerLengthMax) reject(new Error('its answer does not end'))
  }
  const ended = () => reject(new Error('it ended the connection'))
  socket.on('data', take).once('close', ended)
  try {
    const answer = await promise
    if (!answer.startsWith(String(wanted))) throw new Error(`it answers ${JSON.stringify(answer.trim().slice(0, 100))}`)
    return answer
  } finally {
    socket.off('data', take).off('close', ended)
  }
}
