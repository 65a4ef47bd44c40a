// Preloaded (`--import`) into a gateway's processes and threads: notes in the file that WITNESS_FILE names which of them load packages
// whose name begins as WITNESS_PACKAGE says.
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const { WITNESS_FILE: file = '', WITNESS_PACKAGE: name = '' } = process.env

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    if (specifier.startsWith(name)) appendFileSync(file, `${isMainThread ? 'process' : 'thread'} ${specifier}\n`)
    if (specifier.endsWith('/assemble-worker.ts')) appendFileSync(file, 'thread started\n')
    return resolved
  },
})
