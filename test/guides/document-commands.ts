// Commands that stand in a document, in blocks and within its sentences and tables.

/** Programs whose name begins a command. */
const programs = [
  ...['npm', 'npx', 'node', 'sekisho', 'node_modules/\\.bin/node'],
  ...['curl', 'openssl', 'redis-cli', 'promtool', 'apt-get', 'script'],
  ...['systemctl', 'journalctl', 'timedatectl', 'dmesg', 'df', 'iostat', 'kill'],
].join('|')
const begins = new RegExp(`^(?:[A-Z_]+=\\S+ )*(?:${programs}) \\S`)
const alone = /^(?:timedatectl|dmesg|iostat)$/

/** Each command once, on one line, in the order of the document; in blocks without a word of their language only those that begin so. */
export function commandsIn(document: string): string[] {
  const blocks = [...document.matchAll(/^```\w*(?: run=\S+)?\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  const lines = blocks.flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
  const rest = document.replaceAll(/^```[\s\S]*?^```$/gm, '')
  const inline = [...rest.matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map(([, code = '']) => code)
  const all = [...lines.map((line) => line.replace(/\s{2,}#.*| # .*/, '')), ...inline]
  const plain = all.map((code) => code.replaceAll(/\s+/g, ' ').trim())
  return [...new Set(plain.filter((code) => begins.test(code) || alone.test(code)))]
}
