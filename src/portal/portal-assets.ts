import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { moveImports, readBrowserModule } from '../base/browser-module.ts'
import type { PortalAnswer, PortalCall } from './portal-call.ts'
import { portalStyle } from './portal-style.ts'

/** The scripts and the style sheet of the pages, ready to be sent; their names change with what is in them. */
export type AssetStore = {
  /** Address of one by the name it has in the tree, `portal.css` or `issue-app`. */
  url(name: string): string
  /** By its name in the address; undefined: there is none. */
  find(fileName: string): Asset | undefined
}

export type Asset = { readonly contentType: string; readonly text: string; readonly gzip: Uint8Array }

const folder = '/.sekisho/assets/'
const scripts = 'text/javascript; charset=utf-8'
/** What pages load themselves; the modules these import come with them. */
const entries = ['issue-app', 'notice']

let loaded: AssetStore | undefined

/** All assets: read and turned into what browsers run when they are first asked for, once. */
export function portalAssets(): AssetStore {
  loaded ??= loadAssets()
  return loaded
}

function loadAssets(): AssetStore {
  const urls = new Map<string, string>()
  const files = new Map<string, Asset>()
  const add = (name: string, { text, suffix, contentType }: { text: string; suffix: string; contentType: string }) => {
    const fileName = `${name}.${createHash('sha256').update(text).digest('hex').slice(0, 16)}.${suffix}`
    const url = `${folder}${fileName}`
    files.set(fileName, { contentType, text, gzip: gzipSync(text) })
    urls.set(suffix === 'css' ? `${name}.css` : name, url)
    return url
  }
  const addModule = (name: string): string => {
    const known = urls.get(name)
    if (known !== undefined) return known
    // What it imports comes first, because its own hash covers their addresses.
    const text = moveImports(readBrowserModule(new URL(`./browser/${name}.ts`, import.meta.url)), addModule)
    return add(name, { text, suffix: 'js', contentType: scripts })
  }
  add('portal', { text: portalStyle, suffix: 'css', contentType: 'text/css; charset=utf-8' })
  for (const name of entries) addModule(name)
  return {
    url: (name) => {
      const url = urls.get(name)
      if (url === undefined) throw new TypeError(`Cannot find the asset ${name}`)
      return url
    },
    find: (fileName) => files.get(fileName),
  }
}

/** `/.sekisho/assets/…`: kept by browsers for ever, because another content has another name. */
export async function serveAsset(call: PortalCall): Promise<PortalAnswer> {
  const asset = portalAssets().find(call.path.slice(folder.length))
  if (asset === undefined) {
    return { status: 404, contentType: 'text/plain; charset=utf-8', headers: [['Cache-Control', 'no-store']], body: '' }
  }
  return assetAnswer(call, asset, 'public, max-age=31536000, immutable')
}

/** An asset, compressed for who can read that. */
export function assetAnswer(call: PortalCall, asset: Asset, cacheControl: string): PortalAnswer {
  const compress = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|\s*$))/i.test(call.header('accept-encoding') ?? '')
  return {
    status: 200,
    contentType: asset.contentType,
    headers: [
      ['Cache-Control', cacheControl],
      ['Cross-Origin-Resource-Policy', 'same-origin'],
      ['Vary', 'Accept-Encoding'],
      ['X-Content-Type-Options', 'nosniff'],
      ...(compress ? [['Content-Encoding', 'gzip'] as const] : []),
    ],
    body: compress ? asset.gzip : asset.text,
  }
}
