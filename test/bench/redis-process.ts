import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, type OwnProcesses, waitReady } from './own-processes.ts'

const run = promisify(execFile)

const readyTimeoutMs = 10_000
/** An answer longer than this is not one of the small ones asked for here. */
const answerBytesMax = 1_048_576

/** A redis-server of this run. */
export type RedisProcess = {
  readonly port: number
  readonly url: string
  readonly pid: number
  /** One command by redis-cli; resolves with what it prints. */
  readonly ask: (...command: readonly string[]) => Promise<string>
  readonly end: () => Promise<void>
}

/**
 * Starts a redis-server as trust data needs it: nothing is evicted, and every change is appended to a file that is written to
 * disk each second.
 */
export async function startRedis(options: {
  folder: string
  cores: string
  processes: OwnProcesses
}): Promise<RedisProcess> {
  const port = await freePort()
  const folder = join(options.folder, `redis-${port}`)
  await mkdir(folder, { recursive: true })
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    loglevel: 'warning',
  }
  const command = ['redis-server', ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])]
  const started = options.processes.start(command, { cores: options.cores })
  const ask = async (...words: readonly string[]) => {
    const { stdout } = await run('redis-cli', ['-p', String(port), ...words], { maxBuffer: answerBytesMax })
    return stdout.trim()
  }
  const answers = async () => (await ask('PING').catch(() => '')) === 'PONG'
  await waitReady(started, answers, { what: 'Redis', timeoutMs: readyTimeoutMs })
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: started.pid,
    ask,
    end: () => options.processes.end(started),
  }
}
