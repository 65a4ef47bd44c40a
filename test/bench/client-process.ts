import { join } from 'node:path'
import type { OwnProcess, OwnProcesses } from './own-processes.ts'

/** Starts one of the client programs of this folder, with its settings as JSON and a message channel. */
export function startClient(
  program: string,
  options: { processes: OwnProcesses; cores: string; settings: object },
): OwnProcess {
  const file = join(import.meta.dirname, program)
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', file, JSON.stringify(options.settings)]
  return options.processes.start(command, { cores: options.cores, messages: true })
}

/** The client's next message; rejects with what it wrote when it ends first or `timeoutMs` pass. */
export function nextMessage(client: OwnProcess, wait: { what: string; timeoutMs: number }): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      client.child.off('exit', onExit)
      client.child.off('message', onMessage)
    }
    const fail = (why: string) => {
      stop()
      reject(new Error(`Cannot ${wait.what}: ${why}\n${client.output()}`))
    }
    const onExit = () => fail('the client ended')
    const onMessage = (message: unknown) => {
      stop()
      resolve(message)
    }
    const timer = setTimeout(() => fail('not reached in time'), wait.timeoutMs)
    client.child.once('exit', onExit)
    client.child.once('message', onMessage)
  })
}
