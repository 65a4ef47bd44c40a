// Commands of a guide, run as a reader would: block after block in one shell, in a folder that looks like a clone with the demo running.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { demoPorts } from '../../src/demo/demo-config.ts'
import type { DemoGateway } from '../integration/browser/demo-gateway.ts'
import { readSource, root } from '../tidy/source-files.ts'

/** A block of a guide that is run: what is marked `sh`. */
export type Block = { readonly heading: string; readonly text: string }

/** The blocks of a document in their order, each with the heading it stands below. */
export function blocksOf(document: string): Block[] {
  const found: Block[] = []
  let heading = ''
  for (const [, title, text] of document.matchAll(/^#+ (.+)$|^```sh\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) heading = title
    else if (text !== undefined) found.push({ heading, text })
  }
  return found
}

export type GuideRun = {
  readonly code: number | null
  /** Both streams as they came, of all blocks below a heading; empty where the run did not get so far. */
  readonly outputOf: (heading: string) => string
  readonly whole: string
}

/** Runs every block of a guide against the demo; ends at the first command that fails. `env`: more variables. */
export async function runGuide(
  path: string,
  demo: DemoGateway,
  env: Readonly<Record<string, string>> = {},
): Promise<GuideRun> {
  const blocks = blocksOf(readSource(path).text)
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-guide-'))
  try {
    const place = placeOf(demo)
    writeClone(folder, place.state)
    const marked = blocks.map(({ text }, at) => `printf '\\n@@ %s\\n' ${at}\n${text}`)
    writeFileSync(join(folder, 'guide.sh'), `set -euo pipefail\nexec 2>&1\n${marked.join('')}`)
    const PATH = [join(folder, 'bin'), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
    const child = spawn('bash', ['guide.sh'], {
      cwd: folder,
      // HOME: what curl and openssl read there is not the guide's.
      env: { PATH, HOME: folder, LANG: 'C.UTF-8', ...place.env, GUIDES: join(root, 'config/guides'), ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 100_000,
    })
    let whole = ''
    child.stdout?.on('data', (chunk: Buffer) => (whole += chunk))
    const [code] = await once(child, 'close')
    const outputs = new Map<number, string>()
    for (const part of whole.split('\n@@ ').slice(1)) {
      const end = part.indexOf('\n')
      outputs.set(Number(part.slice(0, end)), part.slice(end + 1))
    }
    const outputOf = (heading: string) =>
      blocks.map((block, at) => (block.heading === heading ? (outputs.get(at) ?? '') : '')).join('')
    return { code, outputOf, whole }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function offsetOf({ authority }: DemoGateway): number {
  return Number(authority.public.split(':')[1]) - demoPorts.public
}

/** Where the admin door of a demo is. */
export function adminOf(demo: DemoGateway): string {
  return `https://localhost:${demoPorts.admin + offsetOf(demo)}`
}

function placeOf(demo: DemoGateway) {
  const { authority } = demo
  const offset = offsetOf(demo)
  return {
    state: join(root, `data-${offset}`),
    env: {
      SEKISHO_PORT_OFFSET: String(offset),
      ADMIN: adminOf(demo),
      CERTIFICATE: `https://${authority.certificate}`,
      PUBLIC: `https://${authority.public}`,
    },
  }
}

/** What a reader has in the current folder. */
function writeClone(folder: string, state: string): void {
  symlinkSync(join(root, 'certs'), join(folder, 'certs'))
  symlinkSync(state, join(folder, 'data'))
  mkdirSync(join(folder, 'bin'))
  const launcher = join(root, 'scripts', 'sekisho.js')
  writeFileSync(join(folder, 'bin', 'sekisho'), `#!/bin/sh\nexec node '${launcher}' "$@"\n`, { mode: 0o755 })
}
