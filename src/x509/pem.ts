/**
 * The DER contents of every PEM block with this label, in order (RFC 7468); text around them is skipped.
 * A block that is not base64 gives what can be decoded: whoever reads the DER refuses it.
 */
export function pemBlocks(text: string, label: string): Uint8Array[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g')
  return Array.from(text.matchAll(pattern), (match) => new Uint8Array(Buffer.from(match[1] ?? '', 'base64')))
}

/** One PEM block, lines of 64 characters, with a line feed at the end. */
export function pemOf(der: Uint8Array, label: string): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}
