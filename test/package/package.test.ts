// Goal: what npm pack makes is the same wherever it is made, holds what it should, and its command runs on a Node that fits or says which
// it needs. Method: npm itself, from copies of the clone and into an empty folder; programs that call themselves an old Node.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { copyClone, install, listPackage, newFolder, pack, plainly, root } from './packed.ts'

const { isSuitable, suitableVersions } = (await import(join(root, 'scripts/suitable-node.js'))) as {
  readonly isSuitable: (version: string) => boolean
  readonly suitableVersions: string
}
const folder = newFolder()
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const packageFile = await pack(copyClone(join(folder, 'clone')))
const installed = join(folder, 'installed')
const modules = await install(packageFile, installed)
const program = join(modules, 'sekisho')
const sekisho = join(modules, '.bin', 'sekisho')
const launcher = join(program, 'scripts', 'sekisho.js')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
/** A folder of PATH with a suitable Node and nothing else. */
const good = join(folder, 'good')
mkdirSync(good)
symlinkSync(process.execPath, join(good, 'node'))

/** With this PATH and no other environment. */
async function run(path: string, command: string, ...args: readonly string[]) {
  const [start, ...before] = plainly
  const child = spawn(start, [...before, command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: path, HOME: folder },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk
    })
  }
  const [exitCode] = await once(child, 'close')
  return { exitCode, text }
}

/** A folder of PATH with a program that calls itself this version, and is a Node all the same. */
function oldNode(version: string): string {
  const place = join(folder, `node-${version}`)
  mkdirSync(place)
  const pretend = join(place, 'pretend.mjs')
  const lines = [
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
    `Object.defineProperty(process, 'execPath', { value: '${join(place, 'node')}' })`,
  ]
  writeFileSync(pretend, lines.join('\n'))
  const script = `#!/bin/sh\n[ "$1" = --version ] && { echo v${version}; exit; }\nexec ${process.execPath} --import ${pretend} "$@"\n`
  writeFileSync(join(place, 'node'), script, { mode: 0o755 })
  return place
}

t.test('two folders with the same tree give the same bytes, another umask or not', async (t) => {
  const other = copyClone(join(folder, 'elsewhere', 'a longer name'))
  const before = process.umask(0o077)
  const same = await pack(other)
  process.umask(before)
  t.ok(readFileSync(same).equals(readFileSync(packageFile)))
  writeFileSync(join(other, 'src', 'main.ts'), `${readFileSync(join(other, 'src', 'main.ts'), 'utf8')}void 0\n`)
  t.notOk(readFileSync(await pack(other)).equals(readFileSync(packageFile)), 'another tree gives others')
})

t.test('in it: the built program, declarations, configuration and what ops need; no source, no test', async (t) => {
  const files = await listPackage(packageFile)
  const tops = new Set(files.map((file) => file.split('/')[0]))
  t.strictSame([...tops].sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'config', 'dist', 'package.json', 'scripts'])
  const scripts = files.filter((file) => file.startsWith('scripts/'))
  t.strictSame(scripts.sort(), ['scripts/sekisho.js', 'scripts/suitable-node.js'])
  t.strictSame(
    files.filter((file) => /(?<!\.d)\.ts$|[.-]test\.|\.map$/.test(file)),
    [],
  )
  const wanted = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    if (name.endsWith('.ts')) return [name.replace(/ts$/, 'js'), name.replace(/ts$/, 'd.ts')]
    return name.includes('.') ? [name] : []
  })
  t.strictSame(files.filter((file) => file.startsWith('dist/')).sort(), wanted.map((name) => `dist/${name}`).sort())
  for (const name of ['openssl.cnf', 'minimal.yaml', 'systemd/sekisho.service', 'README.md']) {
    t.ok(files.includes(`config/${name}`), name)
  }
})

/** They read code as text, and know both forms. */
const readersOfScripts = [join('portal', 'portal-assets.js'), join('admin', 'live', 'live-assets.js')]

t.test('no built file names a TypeScript file that it would load', async (t) => {
  const dist = join(program, 'dist')
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.js') || readersOfScripts.includes(name)) continue
    const code = readFileSync(join(dist, name), 'utf8').replace(/^\s*(?:\/\/|\/?\*).*$/gm, '')
    t.notMatch(code, /(?:from|import|import\(|URL\()\s*['"`][^'"`\n]*\.ts['"`]/, name)
  }
})

t.test('what came with it: runtime dependencies in the versions that were tested, and no install script', async (t) => {
  const { packages } = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'))
  t.ok(Object.keys(packages).length > Object.keys(manifest.dependencies).length)
  for (const place of Object.keys(packages)) {
    const { scripts = {} } = JSON.parse(readFileSync(join(installed, place, 'package.json'), 'utf8'))
    // What npm runs by itself when a package comes from a registry or a file; it compiles where there is a binding.gyp.
    for (const hook of ['preinstall', 'install', 'postinstall']) t.notOk(hook in scripts, `${place} ${hook}`)
    t.notOk(existsSync(join(installed, place, 'binding.gyp')), place)
  }
  for (const [name, version] of Object.entries(manifest.dependencies)) {
    t.equal(JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version, version, name)
  }
  for (const name of [...Object.keys(manifest.devDependencies), ...Object.keys(manifest.optionalDependencies)]) {
    t.notOk(existsSync(join(modules, name)), name)
  }
})

t.test('the command line runs on the Node of PATH', async (t) => {
  const withNpm = `${good}:${process.env.PATH}`
  const help = await run(withNpm, 'npx', '--no', '--prefix', installed, 'sekisho', '--help')
  t.match(help, { exitCode: 0, text: /Usage: sekisho \[options\] \[command\]/ })
  t.strictSame(await run(`${good}:/usr/bin:/bin`, sekisho, '--version'), { exitCode: 0, text: `${manifest.version}\n` })
  t.match(await run(`${good}:/usr/bin:/bin`, sekisho, 'serve'), { exitCode: 2, text: /--config/ })
})

t.test('on an old Node it says which it needs and where it looked', async (t) => {
  const [old, older] = [oldNode('20.19.0'), oldNode('18.20.1')]
  const { exitCode, text } = await run(`${old}:${older}:/nowhere`, join(old, 'node'), launcher, '--version')
  t.equal(exitCode, 1)
  for (const words of [`needs Node ${suitableVersions}`, `${old}/node is 20.19.0`, `${older}/node is 18.20.1`]) {
    t.ok(text.includes(words), text)
  }
  const found = await run(`${old}:${good}`, join(old, 'node'), launcher, '--version')
  t.strictSame(found, { exitCode: 0, text: `${manifest.version}\n` }, 'a suitable one further on in PATH is taken')
})

t.test('the Node that npm brings along counts where PATH has none', async (t) => {
  const old = oldNode('20.19.1')
  const brought = join(modules, `node-${process.platform}-${process.arch}`)
  mkdirSync(join(brought, 'bin'), { recursive: true })
  t.teardown(() => rmSync(brought, { recursive: true }))
  writeFileSync(join(brought, 'package.json'), '{}')
  symlinkSync(process.execPath, join(brought, 'bin', 'node'))
  t.strictSame(await run(old, join(old, 'node'), launcher, '--version'), { exitCode: 0, text: `${manifest.version}\n` })
})

t.test('the versions that suit are those of package.json', async (t) => {
  t.equal(manifest.engines.node, suitableVersions)
  for (const version of ['24.17.0', '26.3.1', 'v27.0.0']) t.ok(isSuitable(version), version)
  for (const version of ['20.20.2', '24.16.9', '25.9.0', '26.3.0']) t.notOk(isSuitable(version), version)
})

t.test('sockets of a service manager are not lost on the way without a word', async (t) => {
  const script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve --config x'
  const refused = await run(`${good}:/usr/bin:/bin`, '/bin/sh', '-c', script, sekisho)
  t.match(refused, { exitCode: 1, text: /Cannot hand over.*\n.*dist\/main\.js serve/ })
})
