// Line ends, other control characters, and those that change the direction or identity of the text around them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const disguises = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+/g

// What mail programs make links of: an address with a scheme, with www., or a host name with a path.
const links = /[a-z][a-z0-9+.-]*:\/\/\S*|\bwww\.\S+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)+\/\S*/gi

/** Longest value that is put into a mail. Unit: characters. */
export const valueLengthMax = 300

/**
 * A name or text from outside, made safe to stand in a mail: one line, nothing that hides or turns text around, no link (R10), and not
 * too long. What is taken out of it leaves a space or `…`.
 */
export function plainValue(text: string): string {
  const plain = text.replace(disguises, ' ').replace(links, '…').trim()
  return plain.length > valueLengthMax ? `${plain.slice(0, valueLengthMax)}…` : plain
}
