// What tests of the README ask of a command, of a user's events feed, and of the status a user gets.
import type { Test } from 'tap'
import type { Command, Ran, Reader, Terminal } from './readme-world.ts'

/** A part of a command that tells which it is, what it must print, and its exit code, 0 unless it is said. */
export type Expected = readonly [part: string, printed: RegExp, code?: number]

/** Each command of a block has its place in the table, in the same order. */
export function eachIsExpected(t: Test, commands: readonly Command[], expected: readonly Expected[]): void {
  t.equal(commands.length, expected.length, commands.map(({ text }) => text).join('\n'))
  for (const [at, [part]] of expected.entries())
    t.ok(commands[at]?.text.includes(part), `${part}: ${commands[at]?.text}`)
}

/** The command ended as it should and printed what it must. */
export function looksRight(t: Test, command: Command, { code, output }: Ran, expected: Expected | undefined): void {
  const [, printed = /$^/, wanted = 0] = expected ?? []
  t.equal(code, wanted, `${command.text}: ${code === wanted ? 'runs' : output}`)
  t.match(output, printed, `${command.promise}: ${command.text}`)
}

const bank = 'https://localhost:8443'

/** Curl with a user's certificate. */
export function curlAs(user: string, rest: string): string {
  const { pem, key } = { pem: `certs/demo/users/${user}.pem`, key: `certs/demo/users/${user}.key` }
  return `curl --cacert certs/demo/root-ca.pem --cert ${pem} --key ${key} ${rest}`
}

/** What the certificate door answers a user. */
export async function statusOf(reader: Reader, user: string, door = bank): Promise<string> {
  const { output } = await reader.run(curlAs(user, `-o /dev/null ${door}/`))
  return output.trim()
}

/** An events feed of a user, with a first event on it. */
export async function follow(reader: Reader, user: string, door = bank): Promise<Terminal> {
  const feed = reader.open(curlAs(user, `-N ${door}/events`))
  await feed.shows(/"sequence":0/)
  return feed
}

/** Its next event comes: nobody has cut it. */
export async function staysOpen(t: Test, feed: Terminal, name: string): Promise<void> {
  const seen = feed.output().match(/"sequence"/g)?.length ?? 0
  await t.resolves(feed.shows(new RegExp(`"sequence":${seen}\\b`)), `${name} stays connected`)
}

/** It ends before anybody ends it. */
export async function isCut(t: Test, feed: Terminal, name: string): Promise<void> {
  const { code, output } = await feed.ended
  t.ok(code !== 0 && output.includes('"sequence"'), `${name} is cut: curl ended with ${code}`)
}
