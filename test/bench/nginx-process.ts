import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type OwnProcess, type OwnProcesses, waitReady } from './own-processes.ts'
import { accepts } from './port-check.ts'

/**
 * Starts nginx with one worker in its own folder and waits until `port` accepts.
 * `http` is the inside of its `http` block. Nothing is written outside `folder`.
 */
export async function startNginx(
  http: string,
  options: {
    folder: string
    port: number
    cores: string
    processes: OwnProcesses
    /** Connections of the worker, to clients and upstream together. */
    connectionsMax: number
    what: string
  },
): Promise<OwnProcess> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await mkdir(options.folder, { recursive: true })
  const configuration = `
daemon off;
${process.getuid?.() === 0 ? 'user root root;' : ''}
worker_processes 1;
worker_rlimit_nofile ${options.connectionsMax + 4_096};
pid ${join(options.folder, 'pid')};
error_log stderr warn;
events { worker_connections ${options.connectionsMax}; }
http {
  ${temporary.map((name) => `${name}_temp_path ${join(options.folder, name)};`).join('\n  ')}
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
${http}
}
`
  const file = join(options.folder, 'nginx.conf')
  await writeFile(file, configuration)
  const command = ['nginx', '-e', 'stderr', '-p', options.folder, '-c', file]
  const started = options.processes.start(command, { cores: options.cores })
  await waitReady(started, () => accepts(options.port), { what: options.what, timeoutMs: 60_000 })
  return started
}
