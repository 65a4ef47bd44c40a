/**
 * Moves one large body through a gateway, up or down, as fast as it goes. Sends the number of bytes that the other side
 * had at the end to its parent; ends with an error when it is not all.
 */
import { readFileSync } from 'node:fs'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { endlessPath, uploadPath } from './upstream.ts'

type Settings = {
  readonly port: number
  readonly direction: 'down' | 'up'
  readonly bytes: number
  readonly rootFile: string
  readonly clientFile: string
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
const pem = readFileSync(settings.clientFile)
const piece = Buffer.alloc(65_536)

function open(path: string, options: { method: string; headers: Record<string, string | number> }): ClientRequest {
  const { port, rootFile } = settings
  const tls = { ca: readFileSync(rootFile), cert: pem, key: pem, minVersion: 'TLSv1.3' as const }
  return request({ host: '127.0.0.1', port, path, agent: false, ...tls, ...options })
}

function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve)
    sent.once('error', reject)
  })
}

async function download(): Promise<number> {
  const asked = open(endlessPath, { method: 'GET', headers: { Range: `bytes=0-${settings.bytes - 1}` } })
  asked.end()
  const answer = await answerOf(asked)
  if (answer.statusCode !== 206) throw new Error(`The gateway answered ${answer.statusCode}`)
  let bytes = 0
  answer.on('data', (part: Buffer) => {
    bytes += part.length
  })
  await new Promise((resolve, reject) => answer.once('end', resolve).once('error', reject))
  return bytes
}

async function upload(): Promise<number> {
  const sent = open(uploadPath(settings.bytes), { method: 'POST', headers: { 'Content-Length': settings.bytes } })
  const answered = answerOf(sent)
  let over = false
  const end = () => {
    over = true
  }
  answered.then(end, end)
  for (let left = settings.bytes; left > 0 && !over; left -= piece.length) {
    if (sent.write(left < piece.length ? piece.subarray(0, left) : piece)) continue
    await Promise.race([new Promise((resolve) => sent.once('drain', resolve)), answered])
  }
  sent.end()
  const answer = await answered
  let text = ''
  for await (const part of answer) text += String(part)
  if (answer.statusCode !== 200) throw new Error(`The gateway answered ${answer.statusCode}: ${text}`)
  return Number(text)
}

process.on('disconnect', () => process.exit(0))
const bytes = await (settings.direction === 'down' ? download() : upload())
if (bytes !== settings.bytes) throw new Error(`${bytes} of ${settings.bytes} bytes arrived`)
process.send?.(bytes)
