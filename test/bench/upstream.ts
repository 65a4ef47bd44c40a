import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { startNginx } from './nginx-process.ts'
import { freePort, type OwnProcesses } from './own-processes.ts'

/** Length of the page every request gets. Unit: bytes. */
export const pageBytes = 400

/** Counters of the application behind the gateways, since its start, our own reading of them not included. */
export type UpstreamCount = { readonly connections: number; readonly requests: number }

/** The one application behind every gateway: an nginx that answers each request with the same 400-byte page. */
export type Upstream = {
  readonly port: number
  readonly count: () => Promise<UpstreamCount>
}

/** Starts it pinned to `cores`, the ones the load runs on. */
export async function startUpstream(options: {
  folder: string
  cores: string
  processes: OwnProcesses
}): Promise<Upstream> {
  const port = await freePort()
  const http = `
  access_log off;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    default_type text/html;
    location / { return 200 "${page()}"; }
    location = /status { stub_status; }
  }`
  await startNginx(http, { ...options, folder: join(options.folder, 'upstream'), port, what: 'the upstream' })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let reads = 0
  const count = async () => {
    reads++
    const text = await read(`http://127.0.0.1:${port}/status`, agent)
    const [accepted, , requests] = (/\n\s*(\d+) (\d+) (\d+)/.exec(text) ?? []).slice(1).map(Number)
    if (accepted === undefined || requests === undefined)
      throw new Error(`Cannot read the upstream's counters: ${text}`)
    return { connections: accepted, requests: requests - reads }
  }
  return { port, count }
}

function page(): string {
  const start = '<!doctype html><title>Benchmark</title><p>'
  return start + '0'.repeat(pageBytes - start.length)
}

/** The body of a 200 answer; throws on anything else. */
function read(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve(text))
    })
    request.setTimeout(5_000, () => request.destroy(new Error('The upstream does not answer')))
    request.once('error', reject)
  })
}
