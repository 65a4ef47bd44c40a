// What an application does with the verification programs, in each language: one `Keys` for all its requests, which come at the same time.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestCertificate } from '../helpers/test-ca.ts'
import { audience, compileJava, type Program, programFolder, startProgram } from './verify-programs.ts'

// Each reads lines of a number and a token, begins with every one at once, and answers a line: the number, and `accepted`, `refused WHY` or
// `failed WHY`. Arguments: address of the key set, file of its CA, audience.
const nodeDriver = `
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fetchKeySet, Keys, Refused, verifyAssertion } from '${join(programFolder, 'verify-assertion.js')}'
const [, , url, caFile, audience] = process.argv
const keys = new Keys(() => fetchKeySet(url, readFileSync(caFile, 'utf8')))
createInterface({ input: process.stdin }).on('line', async (line) => {
  const [id, token] = line.split(' ')
  await verifyAssertion(token, { keys, audience }).then(
    () => console.log(id, 'accepted'),
    (error) => console.log(id, error instanceof Refused ? 'refused' : 'failed', error.message.replaceAll('\\n', ' ')),
  )
})
`

const pythonDriver = `
import sys, threading
sys.path.insert(0, ${JSON.stringify(programFolder)})
from verify_assertion import fetch_key_set, Keys, Refused, verify_assertion
_, url, ca_file, audience = sys.argv
keys = Keys(lambda: fetch_key_set(url, ca_file))

def answer(number, token):
    try:
        verify_assertion(token, keys=keys, audience=audience)
        said = "accepted"
    except Refused as error:
        said = f"refused {error}"
    except Exception as error:
        said = f"failed {error}"
    sys.stdout.write(f"{number} {said}\\n")
    sys.stdout.flush()

for line in sys.stdin:
    threading.Thread(target=answer, args=line.strip("\\n").split(" ", 1)).start()
`

const javaDriver = `
import java.io.BufferedReader;
import java.io.InputStreamReader;

public final class KeysDriver {
  public static void main(String[] arguments) throws Exception {
    VerifyAssertion.Keys keys = new VerifyAssertion.Keys(() -> VerifyAssertion.fetchKeySet(arguments[0], arguments[1]));
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] parts = line.split(" ", -1);
      new Thread(() -> System.out.println(parts[0] + " " + answer(parts[1], keys, arguments[2]))).start();
    }
  }

  private static String answer(String token, VerifyAssertion.Keys keys, String audience) {
    try {
      VerifyAssertion.verify(token, keys, audience, null);
      return "accepted";
    } catch (VerifyAssertion.Refused error) {
      return "refused " + error.getMessage();
    } catch (Exception error) {
      return "failed " + error;
    }
  }
}
`

/** The command that runs the driver of each language; `folder` holds what `verifyPrograms` compiled. */
export async function keysDrivers(folder: string, programs: readonly Program[]): Promise<Program[]> {
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  await compileJava(folder, write('KeysDriver.java', javaDriver))
  const args = {
    Node: [write('driver.mjs', nodeDriver)],
    Python: [write('driver.py', pythonDriver)],
    Java: ['-XX:TieredStopAtLevel=1', '-cp', folder, 'KeysDriver'],
  }
  return programs.map(({ name, command }) => ({ name, command, args: args[name] }))
}

/** An application that verifies, until it is stopped. */
export class VerifyingApp {
  readonly #child
  readonly #waiting = new Map<string, (said: string) => void>()
  #count = 0

  constructor({ command, args }: Program, url: string, caFile: string) {
    this.#child = startProgram(command, [...args, url, caFile, audience])
    this.#child.stderr.pipe(process.stderr)
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const [id = ''] = line.split(' ', 1)
      this.#waiting.get(id)?.(line.slice(id.length + 1))
    })
  }

  /** What it says of a token. */
  ask(token: string): Promise<string> {
    const id = String(this.#count++)
    const said = new Promise<string>((resolve) => this.#waiting.set(id, resolve))
    this.#child.stdin.write(`${id} ${token}\n`)
    return said
  }

  async stop(): Promise<void> {
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }
}

/** The address of a key set as a test wants it. */
export class KeySetServer {
  readonly #server: Server
  /** Answers to come: each request takes what stands here when it is answered. */
  answer: { status: number; body: string } = { status: 200, body: '{"keys":[]}' }
  /** Requests wait for this before they are answered. */
  gate: Promise<void> = Promise.resolve()
  asked = 0

  private constructor(server: Server) {
    this.#server = server
    server.on('request', async (_request, response) => {
      this.asked++
      server.emit('asked')
      await this.gate
      response.writeHead(this.answer.status, { Connection: 'close' }).end(this.answer.body)
    })
  }

  static async start({ certificatePem, keyPem }: TestCertificate): Promise<KeySetServer> {
    const server = createServer({ cert: certificatePem, key: keyPem }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new KeySetServer(server)
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}/.sekisho/jwks.json`
  }

  /** The next request. */
  async next(): Promise<void> {
    await once(this.#server, 'asked')
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
