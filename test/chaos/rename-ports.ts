/** Port numbers here have five digits, so no answer changes its length. */
const portPattern = /\$5\r\n(\d{5})\r\n/g
/** What may be the beginning of one at the end of a piece. No whole answer ends like this. */
const beginning = /(?<=^|\r\n)\$(?:5(?:\r(?:\n(?:\d{0,5}\r?)?)?)?)?$/

/**
 * Changes port numbers in what a Sentinel answers, as a translating firewall does, so that each gateway reaches every server and
 * Sentinel over a way of its own. Only whole bulk strings are changed. Returns a function for one connection.
 */
export function renamePorts(names: ReadonlyMap<number, number>): (piece: Buffer) => Buffer {
  let held = ''
  return (piece) => {
    const text = held + piece.toString('latin1')
    const cut = beginning.exec(text)
    held = cut === null ? '' : text.slice(cut.index)
    const whole = cut === null ? text : text.slice(0, cut.index)
    const changed = whole.replace(portPattern, (all, port: string) => {
      const name = names.get(Number(port))
      return name === undefined ? all : `$5\r\n${name}\r\n`
    })
    return Buffer.from(changed, 'latin1')
  }
}
