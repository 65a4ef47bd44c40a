// Goal: a push that is killed, or whose door goes away, goes on where it was and leaves nothing out. Method: the program as a process of
// its own against a real door, killed while a batch is held up; a door that closes in the middle.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { AdminClient } from '../../src/cli/admin-client.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { issuerA, keyA1 } from '../store/contract.ts'
import { root, withCli } from './with-cli.ts'

const count = 4_000
const list = Array.from({ length: count }, (_, at) => `${(at + 1).toString(16)}\n`).join('')
const keyOf = (serial: number) => certificateKey(issuerA, serial.toString(16))

/** A door whose third batch waits for the test. */
async function withHeldUpDoor(t: Test) {
  const cli = await withCli(t, { files: { lost: list } })
  const { ports, publisher } = cli
  const batches: { readonly requestId: string; readonly size: number }[] = []
  const reached = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const publish: LifecyclePorts['publisher']['publish'] = async (requests, actor) => {
    batches.push({ requestId: actor.requestId, size: requests.length })
    if (batches.length === 3) {
      reached.resolve()
      await goOn.promise
    }
    return await publisher.publish(requests, actor)
  }
  Object.assign(ports, { publisher: { ...publisher, publish } })
  const file = join(cli.folder, 'lost')
  const command = ['revoke', '--from', file, '--issuer', 'demo-issuing-ca', '--apply']
  return { ...cli, batches, reached: reached.promise, goOn: goOn.resolve, command, note: `${file}.sekisho-progress` }
}

t.test('killed in the middle, and started again', async (t) => {
  const { access, command, batches, reached, goOn, note, run, isRevoked } = await withHeldUpDoor(t)
  const child = spawn(process.execPath, [join(root, 'scripts', 'sekisho.js'), ...access, ...command], {
    stdio: 'ignore',
  })
  await reached
  child.kill('SIGKILL')
  await once(child, 'close')
  goOn()
  const { totals } = JSON.parse(readFileSync(note, 'utf8')) as { totals: { line: number; revoked: number } }
  t.ok(totals.line >= 1_000 && totals.line <= 2_000, `line ${totals.line}`)
  t.ok(isRevoked(keyOf(totals.line)), 'what is noted is done')
  // What the door had read of the call that was killed may still be worked on.
  const killed = batches[0]?.requestId
  const done = await run(...command)
  t.match(done, { exitCode: 0, err: `Going on after line ${totals.line} of` })
  t.equal(
    batches.reduce((sum, { requestId, size }) => sum + (requestId === killed ? 0 : size), 0),
    count - totals.line,
  )
  for (let serial = 1; serial <= count; serial++) if (!isRevoked(keyOf(serial))) t.fail(`${serial} was left out`)
  t.notOk(existsSync(note))
})

t.test('a door that goes away in the middle', async (t) => {
  const { access, command, reached, goOn, door, isRevoked } = await withHeldUpDoor(t)
  const child = spawn(process.execPath, [join(root, 'scripts', 'sekisho.js'), ...access, ...command, '--json'])
  const [out, err] = [text(child.stdout), text(child.stderr)]
  await reached
  // Ends the calls in progress after some seconds.
  await door.close()
  const [exitCode] = (await once(child, 'close')) as [number]
  goOn()
  t.equal(exitCode, 1)
  t.match(JSON.parse(await out), {
    done: false,
    line: 2_000,
    revoked: 2_000,
    problem: { detail: /Cannot reach the admin door/ },
  })
  t.match(await err, /Done up to line 2000, and that stays\. To go on: run the same command again\./)
  t.ok(isRevoked(keyA1))
})

t.test('while nothing is to be sent, blanks say that this side is still there', async (t) => {
  const { access, folder, port, isRevoked } = await withCli(t, { timeouts: { idleMs: 400, pauseMs: 150 } })
  t.equal(access[1], `https://127.0.0.1:${port}`)
  const [cert, key, ca] = ['me.pem', 'me.key', 'ca.pem'].map((name) => join(folder, name)) as [string, string, string]
  const client = new AdminClient({ adminUrl: `https://127.0.0.1:${port}`, cert, key, ca })
  const open = (stillThereMs: number) => client.stream('/v1/revocations/bulk', { answerWithinMs: 10_000, stillThereMs })
  const stream = open(100)
  const answers = stream.answers()
  for (let serial = 1; serial <= 2; serial++) {
    await stream.write(`${JSON.stringify({ issuer: 'demo-issuing-ca', serial: String(serial) })}\n`)
    t.match((await answers.next()).value, { line: serial, revoked: serial })
    // Longer than the door would wait.
    await new Promise((resolve) => setTimeout(resolve, 900))
  }
  stream.end()
  t.match((await answers.next()).value, { done: true, revoked: 2 })
  t.ok(isRevoked(keyA1))
  stream.destroy()

  const silent = open(100_000)
  await t.rejects(silent.answers().next(), { message: /nothing came for 0.4 seconds/ })
  silent.destroy()
})

t.test('a door that does not answer is given up', async (t) => {
  const { folder, port, ports } = await withCli(t)
  Object.assign(ports, { publisher: { ...ports.publisher, publish: () => new Promise(() => {}) } })
  const [cert, key, ca] = ['me.pem', 'me.key', 'ca.pem'].map((name) => join(folder, name)) as [string, string, string]
  const client = new AdminClient({ adminUrl: `https://127.0.0.1:${port}`, cert, key, ca })
  const stream = client.stream('/v1/revocations/bulk', { answerWithinMs: 300 })
  await stream.write(`${JSON.stringify({ issuer: 'demo-issuing-ca', serial: '1' })}\n`)
  stream.end()
  await t.rejects(stream.answers().next(), { message: /no answer within 0.3 seconds/ })
  t.notOk(stream.isOpen)
})
