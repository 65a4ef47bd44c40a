// Goal: EST works with nothing but curl and openssl, as the README shows. Method: run the shell text of the README's section (until it is
// there, the one beside this file) against the real EST routes behind TLS.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { password, root, startEstWorld } from './est-world.ts'

const heading = 'EST with curl and openssl'

/** The first `sh` block after the heading; undefined: the README has no such section. */
function walkThroughOf(readme: string): string | undefined {
  const [, section] = readme.split(new RegExp(`^#+ ${heading}$`, 'm'))
  return section === undefined ? undefined : /^```sh\n([\s\S]*?)^```$/m.exec(section)?.[1]
}

const beside = readFileSync(join(import.meta.dirname, 'est-walk-through.sh'), 'utf8')
const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8')

t.test('a user enrols and renews with curl and openssl', async (t) => {
  const world = await startEstWorld(t, { issuing: { subjectAltNames: ['uri:urn:sekisho:{loginId}'] } })
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-walk-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'ca.pem'), root.certificatePem)
  const env = {
    PATH: process.env.PATH,
    PUBLIC: `https://localhost:${world.publicPort}`,
    CERTIFICATE: `https://localhost:${world.certificatePort}`,
    CA: 'ca.pem',
    USER_ID: 'user01',
    PASSWORD: password,
  }
  const { stdout } = await promisify(execFile)('bash', ['-o', 'pipefail', '-c', walkThroughOf(readme) ?? beside], {
    cwd: folder,
    env,
    timeout: 60_000,
  })
  t.match(
    stdout,
    /first\.pem: OK\nsecond\.pem: OK\nsubject=C ?= ?JP, O ?= ?Test Bank, OU ?= ?demo-shoji, CN ?= ?user01\n/,
  )
  t.equal(world.audited.filter(({ event }) => event === 'certificate_issued').length, 1)
  t.equal(world.audited.filter(({ event }) => event === 'certificate_renewed').length, 1)
})

t.test('the text is found in a README, and is the one that is tested here', async (t) => {
  t.equal(
    walkThroughOf(`# A\n\n## ${heading}\n\nText.\n\n\`\`\`sh\nfirst\nsecond\n\`\`\`\n\n## B\n`),
    'first\nsecond\n',
  )
  t.equal(walkThroughOf('# A\n'), undefined)
  t.equal(walkThroughOf(readme) ?? beside, beside)
})
