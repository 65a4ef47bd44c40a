import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { startNginx } from './nginx-process.ts'
import { freePort, type OwnProcesses, waitReady } from './own-processes.ts'
import { accepts } from './port-check.ts'

/** Length of the page every request gets. Unit: bytes. */
export const pageBytes = 400

/** A file of 1 MiB. */
export const mebibytePath = '/files/mebibyte'

/** A file of 8 GiB that takes no room on the disk: more than any client here reads. A range of it may be asked for. */
export const endlessPath = '/files/endless'

/** Where a body of that length is taken and answered with 200; one of another length gets 400. */
export function uploadPath(bytes: number): string {
  return `/upload?bytes=${bytes}`
}

/** Counters of the application behind the gateways, since its start, our own reading of them not included. */
export type UpstreamCount = { readonly connections: number; readonly requests: number }

/**
 * The one application behind every gateway: an nginx that answers each request with the same 400-byte page, but those for
 * files and uploads. It gives uploads to a program of ours, because nginx by itself answers before it has read a body.
 */
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
  const folder = join(options.folder, 'upstream')
  const files = join(folder, 'files')
  await makeFile(files, { name: 'mebibyte', bytes: 2 ** 20 })
  await makeFile(files, { name: 'endless', bytes: 2 ** 33 })
  const sinkPort = await startSink(options)
  const http = `
  access_log off;
  upstream sink { server 127.0.0.1:${sinkPort}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    default_type text/html;
    client_max_body_size 0;
    client_body_timeout 300s;
    location / { return 200 "${page()}"; }
    location /files/ { root ${folder}; sendfile on; }
    location /upload {
      proxy_pass http://sink;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_read_timeout 300s;
    }
    location = /status { stub_status; }
  }`
  await startNginx(http, { ...options, folder, port, connectionsMax: 8_192, what: 'the upstream' })
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

/** A file of zeros that is all hole. */
async function makeFile(folder: string, file: { name: string; bytes: number }): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, file.name), '')
  await truncate(join(folder, file.name), file.bytes)
}

/** Starts the program that takes uploads; resolves with its port. */
async function startSink(options: { cores: string; processes: OwnProcesses }): Promise<number> {
  const port = await freePort()
  const program = join(import.meta.dirname, 'upload-sink.ts')
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', program, String(port)]
  const started = options.processes.start(command, { cores: options.cores, messages: true })
  await waitReady(started, () => accepts(port), { what: 'the taker of uploads', timeoutMs: 10_000 })
  return port
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
