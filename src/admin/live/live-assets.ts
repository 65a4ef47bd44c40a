import { createHash } from 'node:crypto'
import { moveImports, readBrowserModule } from '../../base/browser-module.ts'

/** The scripts of the live page by their addresses, which change with what is in them. */
export type LiveAssets = {
  /** Address of the script that the page loads. */
  readonly entry: string
  /** The text at an address; undefined: there is none. */
  find(path: string): string | undefined
}

const folder = '/live/assets/'
const entryName = 'live-app'

let loaded: LiveAssets | undefined

/** Read and turned into what browsers run when they are first asked for, once. */
export function liveAssets(): LiveAssets {
  loaded ??= loadAssets()
  return loaded
}

function loadAssets(): LiveAssets {
  const addresses = new Map<string, string>()
  const texts = new Map<string, string>()
  const add = (name: string): string => {
    const known = addresses.get(name)
    if (known !== undefined) return known
    // What it imports comes first, because its own hash covers their addresses.
    const text = moveImports(readBrowserModule(new URL(`./browser/${name}.ts`, import.meta.url)), add)
    const address = `${folder}${name}.${createHash('sha256').update(text).digest('hex').slice(0, 16)}.js`
    addresses.set(name, address)
    texts.set(address, text)
    return address
  }
  return { entry: add(entryName), find: (path) => texts.get(path) }
}
