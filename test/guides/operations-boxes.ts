// The boxes of the operations guide, and what each must print.

import type { Test } from 'tap'
import { findBoxes } from '../../scripts/guide-boxes.ts'
import { readSource } from '../tidy/source-files.ts'
import type { OperationsWorld } from './operations-world.ts'

/** The text of the guide. */
export const guide = readSource('config/guides/operations.md').text
/** All that are run, in their order. */
export const boxes = findBoxes(guide)

/** Needs a registry: `npm run deploy:try` runs it. Here the bundle is the clone. */
const notRun = ['build-bundle']

/** Whether a box is one of the deployment, which both tests run; of Redis; or of the rest. */
export function partOf(name: string): 'none' | 'deployment' | 'redis' | 'rest' {
  if (notRun.includes(name)) return 'none'
  if (name.startsWith('deploy-')) return 'deployment'
  return name.startsWith('redis-') || name === 'second-gateway' ? 'redis' : 'rest'
}

/** What a box must have printed; the others need only end well. */
export const expected: Readonly<Record<string, RegExp>> = {
  'deploy-install': /bundle\.tar\.gz: OK[\s\S]*Usage: sekisho/,
  'deploy-configuration': /can be used; 0 warnings/,
  'deploy-start': /STATUS=Doors are open/,
  'deploy-trial-application': /hello nobody/,
  'deploy-check': /hello user01/,
  'deploy-operator': /live/i,
  'deploy-revoke': /keyCompromise/,
  'deploy-doctor': / ok/,
  haproxy: /^(Configuration file is valid\n)?$/,
  'proxy-protocol': /can be used; 0 warnings/,
  audit: /The log is whole/,
  'rotate-audit': /The log is whole[\s\S]*The log is whole/,
  prometheus: /SUCCESS[\s\S]*SUCCESS/,
  explain: /certificate_/,
  metrics: /sekisho_verdicts_total\{.*certificate_revoked.*\} \d/,
  reload: /the last reload by signal: (applied|unchanged)/,
  upgrade: /STATUS=Doors are open/,
  'restore-list': /^3 /m,
  'restore-revocations': /user-ca/,
  'redis-move': /user-ca/,
  'redis-failover': /1a2b3c4d/i,
}

/** Runs a box and looks at what it printed. Returns whether it ended well. */
export async function tryBox(t: Test, world: OperationsWorld, name: string, script: string): Promise<boolean> {
  const { code, output } = await world.run(script)
  t.equal(code, 0, `${name}: ${code === 0 ? 'runs' : output}`)
  if (expected[name] !== undefined) t.match(output, expected[name], name)
  return code === 0
}
