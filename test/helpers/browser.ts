import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'
import { eventually } from './eventually.ts'

/**
 * Debian's Chromium with client certificates in its own store (NSS), driven over its debugging protocol. Its chooser cannot be
 * pressed from outside, so a managed policy chooses in the user's place; the rest is the browser's own doing: which certificates
 * it offers for the door's issuers, and how long it remembers a choice.
 */

const chromiumPath = '/usr/bin/chromium'
const policyFolder = '/etc/chromium/policies/managed'
const lockFile = join(tmpdir(), 'sekisho-chromium-policy.lock')
const run = promisify(execFile)

/** A .p12 file and its password. */
export type BrowserCertificate = { readonly file: string; readonly password: string }

/**
 * Which certificate the user picks where: subject CN by authority (`localhost:8443`). Elsewhere, and with `undefined`, the
 * browser takes the first one it would offer; it asks nobody when it has none to offer.
 */
export type Choices = { readonly [authority: string]: string | undefined }

/** Desktop and phone, in CSS pixels. */
export const viewports = { desktop: { width: 1_280, height: 800 }, phone: { width: 390, height: 844 } } as const

/** One running browser with its own certificate store: one user's PC. */
export type TestBrowser = {
  readonly browser: Browser
  /** A tab of a new profile: nothing remembered, no cookies. Language as sent in Accept-Language. Default Japanese, desktop. */
  open(options?: { readonly locale?: 'ja-JP' | 'en-US'; readonly viewport?: keyof typeof viewports }): Promise<Page>
  /** Another certificate comes into the store of the running browser, as by a double click on its file. */
  install(certificate: BrowserCertificate): Promise<void>
  /** From now on the user would pick otherwise, where the browser asks. Resolves when the running browser knows. */
  pickInstead(choices: Choices): Promise<void>
  close(): Promise<void>
}

/** Chromium's machine-wide policy, held by this process. */
export type BrowserPolicy = {
  /** What is picked at these authorities, by every browser of this machine. */
  pick(authorities: readonly string[], choices: Choices): void
  release(): void
}

/**
 * Takes Chromium's policy folder for this process, waiting up to a minute for another one that has it, and leaves it as it
 * was on `release` or exit. Throws, saying what is missing, where a browser test cannot run.
 */
export async function claimBrowserPolicy(): Promise<BrowserPolicy> {
  checkTools()
  await eventually(takeLock, (taken) => taken, 60_000)
  const firstMade = mkdirSync(policyFolder, { recursive: true })
  for (const name of readdirSync(policyFolder)) {
    // Left behind by a test that was killed: whoever holds the lock is the only one.
    if (/^sekisho-test-\d+\.json$/.test(name)) rmSync(join(policyFolder, name))
  }
  const file = join(policyFolder, `sekisho-test-${process.pid}.json`)
  const release = () => {
    process.removeListener('exit', release)
    rmSync(file, { force: true })
    if (firstMade !== undefined) removeEmpty(policyFolder, firstMade)
    rmSync(lockFile, { force: true })
  }
  process.once('exit', release)
  return {
    pick: (authorities, choices) => {
      const rules = authorities.map((authority) => {
        const commonName = choices[authority]
        const filter = commonName === undefined ? {} : { SUBJECT: { CN: commonName } }
        return JSON.stringify({ pattern: `https://${authority}`, filter })
      })
      writeFileSync(file, JSON.stringify({ AutoSelectCertificateForUrls: rules }))
    },
    release,
  }
}

function checkTools(): void {
  const missing = [chromiumPath, '/usr/bin/certutil', '/usr/bin/pk12util'].filter((file) => !existsSync(file))
  if (missing.length > 0) {
    throw new Error(
      `Cannot test with a real browser without ${missing.join(', ')}: apt-get install chromium libnss3-tools fonts-noto-cjk`,
    )
  }
  if (process.getuid?.() !== 0) {
    throw new Error(
      `Cannot test with a real browser: only root may write Chromium's policy in ${policyFolder}; run as root`,
    )
  }
}

function takeLock(): boolean {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  if (isHolderGone()) rmSync(lockFile, { force: true })
  return false
}

function isHolderGone(): boolean {
  try {
    const holder = Number(readFileSync(lockFile, 'utf8'))
    // Empty for the moment between making the file and writing into it.
    if (holder > 0) process.kill(holder, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Removes folders from `folder` up to `top`, as far as they are empty. */
function removeEmpty(folder: string, top: string): void {
  for (let at = folder; at.startsWith(top) && readdirSync(at).length === 0; at = dirname(at)) rmdirSync(at)
}

/** Starts a browser that trusts `rootCa` (a PEM file) and holds these certificates. */
export async function startBrowser(options: {
  readonly policy: BrowserPolicy
  /** Where the policy answers the chooser. */
  readonly authorities: readonly string[]
  readonly rootCa: string
  readonly certificates: readonly BrowserCertificate[]
  readonly choices?: Choices
  /** Whether it speaks HTTP/2 where the door does. Default true. */
  readonly http2?: boolean
}): Promise<TestBrowser> {
  const home = await mkdtemp(join(tmpdir(), 'sekisho-browser-'))
  await fillStore(home, options)
  options.policy.pick(options.authorities, options.choices ?? {})
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    headless: true,
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: join(home, '.config'), XDG_CACHE_HOME: join(home, '.cache') },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'].concat(
      options.http2 === false ? ['--disable-http2'] : [],
    ),
  })
  return {
    browser,
    open: async ({ locale = 'ja-JP', viewport = 'desktop' } = {}) => {
      const context = await browser.newContext({ locale, viewport: viewports[viewport] })
      context.setDefaultTimeout(10_000)
      return context.newPage()
    },
    install: (certificate) => install(storeOf(home), certificate),
    pickInstead: async (choices) => {
      options.policy.pick(options.authorities, choices)
      await reloadPolicy(browser, Object.values(choices))
    },
    close: async () => {
      await browser.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}

async function fillStore(
  home: string,
  { rootCa, certificates }: { rootCa: string; certificates: readonly BrowserCertificate[] },
): Promise<void> {
  mkdirSync(join(home, '.pki', 'nssdb'), { recursive: true })
  const store = storeOf(home)
  await run('certutil', ['-d', store, '-N', '--empty-password'])
  await run('certutil', ['-d', store, '-A', '-t', 'C,,', '-n', 'root', '-i', rootCa])
  for (const certificate of certificates) await install(store, certificate)
}

function storeOf(home: string): string {
  return `sql:${join(home, '.pki', 'nssdb')}`
}

async function install(store: string, { file, password }: BrowserCertificate): Promise<void> {
  await run('pk12util', ['-d', store, '-i', file, '-W', password])
}

/** Has a running browser read the policy again; resolves when the policy it uses speaks of all these. */
async function reloadPolicy(browser: Browser, expected: readonly (string | undefined)[]): Promise<void> {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto('chrome://policy/')
  await page.evaluate(`(async () => {
    const { addWebUiListener } = await import('chrome://resources/js/cr.js')
    const expected = ${JSON.stringify(expected.filter((name) => name !== undefined))}
    await new Promise((resolve) => {
      addWebUiListener('policies-updated', (_names, values) => {
        const text = JSON.stringify(values?.chrome?.policies ?? values)
        if (expected.every((name) => text.includes(name))) resolve()
      })
      chrome.send('listenPoliciesUpdates')
      chrome.send('reloadPolicies')
    })
  })()`)
  await context.close()
}
