/** How well something is: `warn` works today, `bad` does not, or is not safe. */
export type Level = 'ok' | 'warn' | 'bad'

/** One line of the doctor. */
export type Finding = {
  readonly level: Level
  /** What was looked at. */
  readonly subject: string
  readonly detail: string
  /** Exactly what to do; defined unless the level is `ok`. */
  readonly fix?: string
}

/** The groups in which findings are shown, in this order. */
export const groups = [
  'Program',
  'Configuration',
  'Keys and certificates',
  'Issuing',
  'State folder',
  'Machine',
  'Store',
  'Upstreams',
  'Revocation lists and responders',
  'Mail',
  'Running gateway',
] as const

export type Group = (typeof groups)[number]

/** Something that is looked at by itself. `run` may be left before it has ended: the signal is aborted then. */
export type Check = {
  readonly group: Group
  /** Stands where the check itself says nothing because it took too long or broke. */
  readonly subject: string
  run(signal: AbortSignal): readonly Finding[] | Promise<readonly Finding[]>
}

/** All is well. */
export function ok(subject: string, detail: string): Finding {
  return { level: 'ok', subject, detail }
}

/** It works, and somebody should look. `fix` says what to do. */
export function warn(subject: string, detail: string, fix: string): Finding {
  return { level: 'warn', subject, detail, fix }
}

/** It does not work, or is not safe. `fix` says what to do. */
export function bad(subject: string, detail: string, fix: string): Finding {
  return { level: 'bad', subject, detail, fix }
}

/** What went wrong, in one line: the message of a fault, or what the system's code means. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : systemReasons[code]
  return known ?? (message === '' || message === undefined ? String(code ?? error) : message)
}

const systemReasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not (EACCES)',
  EAI_AGAIN: 'the name servers do not answer (EAI_AGAIN)',
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ECONNRESET: 'the other side ended the connection (ECONNRESET)',
  EHOSTUNREACH: 'no route leads there (EHOSTUNREACH)',
  ENETUNREACH: 'no route leads there (ENETUNREACH)',
  ENOENT: 'there is no such file (ENOENT)',
  ENOTFOUND: 'the name servers do not know this name (ENOTFOUND)',
  CERT_HAS_EXPIRED: 'its certificate has expired (CERT_HAS_EXPIRED)',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is self-signed and not the configured one (DEPTH_ZERO_SELF_SIGNED_CERT)',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate comes from another CA than the configured one (SELF_SIGNED_CERT_IN_CHAIN)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate comes from another CA than the configured one, or it does not send the intermediates (UNABLE_TO_GET_ISSUER_CERT_LOCALLY)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate comes from another CA than the configured one, or it does not send the intermediates (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
}
