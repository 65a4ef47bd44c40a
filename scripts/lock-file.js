// What package.json and package-lock.json must be like, so that what is installed is what was chosen. Plain JavaScript for any Node from
// 20 on, because it is asked before anything is installed.

/**
 * Binaries of Biome for systems that Sekisho is not developed on. The lock file names them, so that `npm ci` finds every optional
 * package in it, but they were never fetched and have no hash. They are for development only; npm leaves them out on Linux with glibc.
 */
export const withoutIntegrity = [
  '@biomejs/cli-android-arm64',
  '@biomejs/cli-android-x64',
  '@biomejs/cli-darwin-arm64',
  '@biomejs/cli-darwin-x64',
  '@biomejs/cli-linux-arm64-musl',
  '@biomejs/cli-linux-x64-musl',
  '@biomejs/cli-win32-arm64',
  '@biomejs/cli-win32-x64',
]

const kinds = ['dependencies', 'optionalDependencies', 'devDependencies']

/** Name of the package at a place such as `node_modules/a/node_modules/@b/c`. */
export function packageAt(place) {
  return place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

/** Every package of the lock file but the project itself: `[place, entry]`. */
export function lockedPackages(lock) {
  return Object.entries(lock.packages).filter(([place]) => place !== '')
}

/** What a gateway runs with, its optional packages included, in the order of the lock file. */
export function runtimePackages(lock) {
  return lockedPackages(lock).filter(([, { dev }]) => dev !== true)
}

/** What is wrong with the lock file, a sentence each. */
export function lockFaults(manifest, lock) {
  return [
    ...manifestFaults(manifest, lock),
    ...lockedPackages(lock).flatMap(([place, entry]) => entryFaults(place, entry)),
  ]
}

function manifestFaults(manifest, lock) {
  const faults = []
  const own = lock.packages[''] ?? {}
  if (lock.lockfileVersion !== 3) faults.push(`the lock file has format ${lock.lockfileVersion}, not 3`)
  for (const field of ['name', 'version']) {
    for (const [where, value] of [
      ['lock file', lock[field]],
      ["lock file's own package", own[field]],
    ])
      if (value !== manifest[field])
        faults.push(`${field} is ${manifest[field]} in package.json and ${value} in the ${where}`)
  }
  for (const kind of kinds) {
    const [wanted = {}, locked = {}] = [manifest[kind], own[kind]]
    for (const name of new Set([...Object.keys(wanted), ...Object.keys(locked)])) {
      const installed = lock.packages[`node_modules/${name}`]?.version
      if (!/^\d+\.\d+\.\d+$/.test(wanted[name] ?? ''))
        faults.push(`${name} is ${wanted[name]} in ${kind}, not an exact version`)
      else if (wanted[name] !== locked[name] || wanted[name] !== installed)
        faults.push(`${name} is ${wanted[name]} in ${kind}, and ${locked[name]} and ${installed} in the lock file`)
    }
  }
  return faults
}

function entryFaults(place, { version, integrity, resolved, link, dev, hasInstallScript }) {
  const faults = []
  const name = packageAt(place)
  const isKnown = dev === true && withoutIntegrity.includes(name)
  if (link === true) faults.push(`${place} is a link to a folder`)
  if (!/^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version ?? '')) faults.push(`${place} has the version ${version}`)
  if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '') && !(isKnown && integrity === undefined))
    faults.push(`${place} has the integrity ${integrity}, not one SHA-512`)
  // Without an address npm asks the registry it is configured for, and takes nothing whose hash differs.
  if (resolved !== undefined) faults.push(`${place} names the place ${resolved}`)
  if (hasInstallScript === true) faults.push(`${place} runs a script when it is installed`)
  return faults
}
