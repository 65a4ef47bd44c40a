import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { freePort } from './redis-server.ts'

/** Debian's Prometheus, in a temporary folder, that scrapes and evaluates every second. */
export type PrometheusServer = {
  readonly url: string
  /** Value of `data` of an answer of its API; rejects with its own words where it refuses. */
  ask(path: string, parameters?: Readonly<Record<string, string>>): Promise<PrometheusData>
  /** Series of an expression now. */
  query(expr: string): Promise<readonly PrometheusSeries[]>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

/** An answer as a test looks at it. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows the shape it asked for
export type PrometheusData = any

/** One series of an instant query. */
export type PrometheusSeries = {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [timeSeconds: number, value: string]
}

export type PrometheusServerOptions = {
  /** Ports of the loopback whose `/metrics` are scraped, as the job `sekisho`, by the name that becomes the label `instance`. */
  readonly targets: Readonly<Record<string, number>>
  /** Texts of rule files by name. Every group is evaluated each second, whatever interval it asks for. */
  readonly rules?: Readonly<Record<string, string>>
}

const program = '/usr/bin/prometheus'
/** Ends it with the thread that started it, however that ends; part of Debian's util-linux. */
const leash = '/usr/bin/setpriv'

/** Resolves when it answers and has scraped every target. */
export async function startPrometheusServer(options: PrometheusServerOptions): Promise<PrometheusServer> {
  if (!existsSync(program)) throw new Error(`${program} is missing: apt-get install prometheus`)
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-prometheus-'))
  const file = join(folder, 'prometheus.json')
  writeFileSync(file, configOf(options))
  for (const [name, text] of Object.entries(options.rules ?? {}))
    writeFileSync(join(folder, name), text.replaceAll(/^ +interval: .*$/gm, ''))
  const port = await freePort()
  const child = spawn(
    ...leashed([
      ...[program, `--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`],
      `--web.listen-address=127.0.0.1:${port}`,
    ]),
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-16_384)
    })
  const server = new RunningPrometheus({ url: `http://127.0.0.1:${port}`, folder, child })
  try {
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`Prometheus ended: ${output}`)
        return (await server.query('up == 1').catch(() => [])).length
      },
      (up) => up === Object.keys(options.targets).length,
      30_000,
    )
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

function leashed(command: readonly string[]): [file: string, args: string[]] {
  const [file = program, ...args] = existsSync(leash) ? [leash, '--pdeathsig', 'KILL', ...command] : command
  return [file, args]
}

/** YAML is a superset of JSON. */
function configOf({ targets, rules = {} }: PrometheusServerOptions): string {
  const entries = Object.entries(targets).map(([instance, port]) => ({
    targets: [`127.0.0.1:${port}`],
    labels: { instance },
  }))
  return JSON.stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: Object.keys(rules),
    scrape_configs: [{ job_name: 'sekisho', static_configs: entries }],
  })
}

class RunningPrometheus implements PrometheusServer {
  readonly url: string
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  constructor({ url, folder, child }: { url: string; folder: string; child: ChildProcess }) {
    this.url = url
    this.#folder = folder
    this.#child = child
    this.#ended = once(child, 'close')
  }

  async ask(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<PrometheusData> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    return dataOf(await answer.json())
  }

  async query(expr: string): Promise<readonly PrometheusSeries[]> {
    const { resultType, result } = await this.ask('query', { query: expr })
    return resultType === 'scalar' ? [{ metric: {}, value: result }] : result
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function dataOf(answer: PrometheusData): PrometheusData {
  if (answer.status !== 'success') throw new Error(`Prometheus refuses: ${answer.errorType}: ${answer.error}`)
  return answer.data
}
