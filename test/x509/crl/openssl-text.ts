/** What `openssl crl -text` shows of a list. Times: milliseconds since the epoch. */
export type OpensslText = {
  readonly lastUpdateMs: number | undefined
  readonly nextUpdateMs: number | undefined
  /** Serial numbers in lower-case hex without leading zeros; zero is empty, negative ones begin with a minus sign. */
  readonly entries: readonly { readonly serialHex: string; readonly revokedAtMs: number }[]
}

const time = '([A-Z][a-z]{2} [ \\d]\\d [\\d:]{8} \\d+ GMT)'

/** Reads the output of `openssl crl -text`, which breaks the lines of long numbers. */
export function readOpensslText(output: string): OpensslText {
  const text = output.replaceAll('\\\n', '')
  const timeAfter = (label: string) => {
    const found = new RegExp(`${label}: ${time}`).exec(text)?.[1]
    return found === undefined ? undefined : Date.parse(found)
  }
  const entries = text.matchAll(new RegExp(`Serial Number: (-?)([0-9A-F]*)\\s+Revocation Date: ${time}`, 'g'))
  return {
    lastUpdateMs: timeAfter('Last Update'),
    nextUpdateMs: timeAfter('Next Update'),
    entries: Array.from(entries, ([, sign = '', digits = '', revoked = '']) => ({
      serialHex: sign + digits.toLowerCase().replace(/^0+/, ''),
      revokedAtMs: Date.parse(revoked),
    })),
  }
}
