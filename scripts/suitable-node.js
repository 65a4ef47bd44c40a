// Which Node runs Sekisho. Plain JavaScript for any Node from 20 on, because it is asked before that is known.

/** `engines` of package.json, which a test compares. */
export const suitableVersions = '>=24.17 <25 || >=26.3.1'

/** Whether a Node version, `26.3.1` or `v26.3.1`, is among them. */
export function isSuitable(version) {
  const [major = 0, minor = 0, patch = 0] = version.replace(/^v/, '').split('.').map(Number)
  if (major === 24) return minor >= 17
  if (major === 26) return minor > 3 || (minor === 3 && patch >= 1)
  return major > 26
}
