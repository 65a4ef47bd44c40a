import type { GatewayUser, ReadFile } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf, warn } from './finding.ts'

const privateKey = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/

type ContentFile = Extract<ReadFile, { content: string }>

/** Every file that the configuration names: the gateway's user reads it, and nobody else reads a key or a secret. */
export function fileChecks(files: readonly ReadFile[], user: GatewayUser = undefined): readonly Check[] {
  return files.map((file) => ({
    group: 'Keys and certificates',
    subject: file.path,
    run: () => [fileFinding(file, user)].flat(),
  }))
}

function fileFinding(file: ReadFile, user: GatewayUser): Finding | [] {
  const { path } = file
  if ('fault' in file) {
    const { code } = file.fault as NodeJS.ErrnoException
    const fix =
      code === 'ENOENT'
        ? 'Put the file there, or correct its path in the configuration'
        : `Let the user of the gateway read it: chown or setfacl, then sudo -u USER head -c1 ${path}`
    return bad(path, `it cannot be read: ${reasonOf(file.fault)}`, fix)
  }
  const isKey = privateKey.test(file.content)
  const shown = file.mode.toString(8).padStart(4, '0')
  const what = isKey ? 'a private key' : 'a secret'
  const isClosed = isKey || file.secret
  if (isClosed && (file.mode & 0o007) !== 0)
    return bad(path, `${what} that everybody on this machine can read (mode ${shown})`, closeFix(path, isKey))
  if (isClosedTo(file, user)) {
    const detail = `the gateway’s user (${user?.userId}, who has the state folder) cannot read it: owner ${file.owner}, mode ${shown}`
    return bad(path, detail, `chown ${user?.userId} ${path}, then sudo -u '#${user?.userId}' head -c1 ${path}`)
  }
  // Certificates are public, and told of by their own checks.
  if (!isClosed) return []
  if ((file.mode & 0o070) !== 0)
    return warn(path, `${what} that its group can read (mode ${shown})`, closeFix(path, isKey))
  return ok(path, `${isKey ? 'private key' : 'secret'}, mode ${shown}`)
}

/** Root reads everything, the gateway does not. Where a group may read, it may be the gateway's. */
function isClosedTo({ owner, mode }: ContentFile, user: GatewayUser): boolean {
  if (user === undefined || user.isThisOne) return false
  return owner === user.userId ? (mode & 0o400) === 0 : (mode & 0o044) === 0
}

function closeFix(path: string, isKey: boolean): string {
  const anew = isKey ? 'make a new key and certificate' : 'make a new secret'
  return `chmod 600 ${path}, owned by the user of the gateway; if others could read it, ${anew}`
}
