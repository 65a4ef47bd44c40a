import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openRedisSession, type RedisArgument, type RedisReply } from './redis-session.ts'

/** A real redis-server of its own, in a temporary folder. */
export type RedisServer = {
  readonly host: '127.0.0.1'
  /** Stays the same over `restart`. */
  readonly port: number
  /** `redis://…`, or `rediss://…` with TLS. No password in it. */
  readonly url: string
  /** Unix socket; it is there with TLS too. */
  readonly socketPath: string
  readonly folder: string
  /** Process id now; another one after `restart`. */
  readonly pid: number
  /** Sends one command on a connection of its own and resolves with the answer; rejects with Redis's error. */
  cli(...command: readonly RedisArgument[]): Promise<RedisReply>
  /** SIGSTOP: connections stay, nothing answers. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it on the same port and folder, after ending it where it still runs; resolves when it answers. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
  /** What it has logged so far, also before a restart. */
  output(): string
}

export type RedisServerOptions = {
  /** Lines of redis.conf by their first word; a list makes several lines. They replace what stands here by default. */
  readonly directives?: Readonly<Record<string, string | readonly string[]>>
  /** Listens with TLS only (and on its Unix socket). `caPem`: client certificates are required, and must come from it. */
  readonly tls?: { readonly certificatePem: string; readonly keyPem: string; readonly caPem?: string }
  /** Answers only once everything on disk is loaded. Default true; false resolves while it may still be LOADING. */
  readonly waitForData?: boolean
  /** Runs as Sentinel: the directives then are Sentinel's. */
  readonly sentinel?: boolean
}

type Test = { teardown(end: () => unknown): unknown }

const program = '/usr/bin/redis-server'
/** Ends the server with the thread that started it, however that ends; part of Debian's util-linux. */
const leash = '/usr/bin/setpriv'
const startAttempts = 5

/** Starts a server; with a test, it ends with it. Without persistence unless the directives ask for it. */
export async function startRedisServer(t?: Test, options: RedisServerOptions = {}): Promise<RedisServer> {
  if (!existsSync(program)) throw new Error(`${program} is missing: apt-get install redis-server`)
  for (let attempt = 1; ; attempt++) {
    const server = new RunningServer(await freePort(), options)
    try {
      await server.start()
      t?.teardown(() => server.stop())
      return server
    } catch (error) {
      await server.stop()
      // Somebody else may take the port between our look and the server's.
      if (attempt === startAttempts || !/in use/i.test(String(error))) throw error
    }
  }
}

/** A TCP port of the loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

class RunningServer implements RedisServer {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly url: string
  readonly folder = mkdtempSync(join(tmpdir(), 'sekisho-redis-'))
  readonly socketPath = join(this.folder, 'redis.sock')
  readonly #options: RedisServerOptions
  readonly #killAtExit = () => {
    this.#child?.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #output = ''

  constructor(port: number, options: RedisServerOptions) {
    this.port = port
    this.url = `${options.tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`
    this.#options = options
    writeFileSync(join(this.folder, 'redis.conf'), this.#configuration(), { mode: 0o600 })
    process.once('exit', this.#killAtExit)
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async start(): Promise<void> {
    const command = [program, join(this.folder, 'redis.conf'), ...(this.#options.sentinel ? ['--sentinel'] : [])]
    const [file = program, ...args] = existsSync(leash) ? [leash, '--pdeathsig', 'KILL', ...command] : command
    // The old one's socket would answer "connection refused" for ever.
    rmSync(this.socketPath, { force: true })
    const child = spawn(file, args, { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    this.#child = child
    let gone = false
    this.#ended = once(child, 'close').then(() => {
      gone = true
    })
    for (const deadline = performance.now() + 20_000; !(await this.#answers()); ) {
      if (gone) throw new Error(`redis-server ended: ${this.#output}`)
      if (performance.now() > deadline) throw new Error(`redis-server does not answer: ${this.#output}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  async cli(...command: readonly RedisArgument[]): Promise<RedisReply> {
    const session = await openRedisSession(this.socketPath)
    try {
      const password = this.#options.directives?.requirepass
      if (typeof password === 'string') await session.send('AUTH', password)
      return await session.send(...command)
    } finally {
      session.close()
    }
  }

  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  async restart(): Promise<void> {
    await this.#end()
    await this.start()
  }

  async stop(): Promise<void> {
    await this.kill()
    process.removeListener('exit', this.#killAtExit)
    rmSync(this.folder, { recursive: true, force: true })
  }

  output(): string {
    return this.#output
  }

  async #end(): Promise<void> {
    this.#child?.kill('SIGTERM')
    this.#child?.kill('SIGCONT')
    await this.#ended
  }

  async #answers(): Promise<boolean> {
    try {
      await this.cli('PING')
      return true
    } catch (error) {
      const message = String(error)
      if (/\bLOADING\b/.test(message)) return this.#options.waitForData === false
      // It answers, if only to those who may ask.
      return /\b(NOAUTH|NOPERM|WRONGPASS|MASTERDOWN|MISCONF)\b/.test(message)
    }
  }

  #configuration(): string {
    const { tls, sentinel, directives } = this.#options
    const file = (name: string, text: string) => {
      writeFileSync(join(this.folder, name), text, { mode: 0o600 })
      return join(this.folder, name)
    }
    const lines: Record<string, string | readonly string[]> = {
      bind: '127.0.0.1',
      port: tls === undefined ? String(this.port) : '0',
      dir: this.folder,
      unixsocket: this.socketPath,
      daemonize: 'no',
      ...(sentinel ? {} : { save: '""', appendonly: 'no', 'enable-debug-command': 'yes' }),
    }
    if (tls !== undefined) {
      Object.assign(lines, {
        'tls-port': String(this.port),
        'tls-cert-file': file('server.pem', tls.certificatePem),
        'tls-key-file': file('server.key', tls.keyPem),
        'tls-ca-cert-file': file('ca.pem', tls.caPem ?? tls.certificatePem),
        'tls-auth-clients': tls.caPem === undefined ? 'no' : 'yes',
      })
    }
    const all = Object.entries({ ...lines, ...directives })
    return `${all.flatMap(([name, value]) => [value].flat().map((one) => `${name} ${one}`)).join('\n')}\n`
  }
}
