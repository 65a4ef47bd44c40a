// Goal: the figures of the sizing guide are those that were measured, and its examples follow from its formulas. Method: look each figure up where
// the guide says it comes from; compute the examples again.
import { generateKeyPairSync } from 'node:crypto'
import { dirname, join } from 'node:path'
import t from 'tap'
import { readSource } from '../tidy/source-files.ts'

const path = 'config/guides/sizing.md'
const guide = readSource(path).text

/** A figure as another document may write it: `1 400` is also 1,400. */
const plain = (text: string) => text.replaceAll(/(?<=\d)[, ](?=\d{3}\b)/g, '')

t.test('every figure in backquotes stands where the guide says', async (t) => {
  let count = 0
  for (const line of guide.split('\n')) {
    const [, place] = /\]\(([^)#]+\.md)(?:#[^)]*)?\)[^\]]*$/.exec(line) ?? []
    const figures = [...line.matchAll(/`(\d[\d,. ]*)`/g)].map(([, figure = '']) => plain(figure))
    if (place === undefined || figures.length === 0) continue
    const source = plain(readSource(join(dirname(path), place)).text)
    for (const figure of figures) {
      count++
      t.match(source, new RegExp(`(?<![\\d.])${figure.replace('.', '\\.')}(?![\\d]|\\.\\d)`), `${figure} in ${place}`)
    }
  }
  t.ok(count > 40)
})

t.test('each formula is the one that is computed here', async (t) => {
  const [, formulas = ''] = /```\n(memory of a gateway[\s\S]*?)```/.exec(guide) ?? []
  const written = formulas.replaceAll(/\s+/g, ' ').trim()
  t.equal(
    written,
    'memory of a gateway (MB) = 183 + 33 × (workers − 1) + 0.06 × connections + 65 × revoked / 1,000,000 ' +
      '+ 320 if it publishes a list of a million + 80 while it reads one ' +
      'cores of a gateway = (new connections/s × 455 µs + requests/s × 18.4 µs + issues/s × 7 ms) × 1.12 ÷ 0.5 ' +
      'disk of a gateway (MB) = 425 × users / 1,000,000 + 90 × revoked / 1,000,000 + logs ' +
      'memory of Redis (MB) = (410 × revoked + 3,060 × users) / 1,000,000, and as much again for its copy on write ' +
      'share of a core of Redis = 0.0004 × gateways + pushes/s × (350 µs + 30 µs × gateways) ' +
      'network out of Redis (KB/s) = 1.6 × gateways + 0.5 × pushes/s × gateways + 0.2 × gateways² ÷ 8 ' +
      '+ 0.64 × gateways² ÷ 5 with identity.assertion',
  )
})

t.test('keys of assertions are as large as the guide says', async (t) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: '0123456789abcdef', alg: 'ES256', use: 'sig' }
  const stored = JSON.stringify({ jwk, expiresAtMs: 1_800_000_000_000 }).length
  t.match(guide, `three keys of ${stored} bytes`)
})

/** The rows of the table of examples, a column each. */
function examples(): ((row: string) => number)[] {
  const [, section = ''] = guide.split('## Two examples\n')
  const rows = [...section.matchAll(/^\| \**(.+?)\** +\| ([\d,.]+) +\| ([\d,.]+) +\|$/gm)]
  return [2, 3].map((column) => (name: string) => {
    const row = rows.find(([, title]) => title === name)
    if (row === undefined) throw new Error(`There is no row ${name}`)
    return Number(plain(row[column] ?? ''))
  })
}

for (const [at, of] of examples().entries()) {
  t.test(`example ${at + 1} follows from the formulas`, async (t) => {
    const [gateways, users, revoked] = [of('gateways'), of('users with a certificate'), of('revoked certificates')]
    const pushes = of('pushes/s, all')
    const each = (row: string) => of(row) / gateways
    const mega = 1_000_000
    const memory =
      183 + 33 * (of('workers of a gateway') - 1) + 0.06 * each('connections, all gateways') + (65 * revoked) / mega
    t.equal(of('memory of a gateway (MB)'), Math.round(memory))
    const busy =
      each('new connections/s, all') * 455e-6 + each('requests/s, all') * 18.4e-6 + each('issues/s, all') * 7e-3
    t.equal(of('cores of a gateway'), Number(((busy * 1.12) / 0.5).toFixed(2)))
    t.equal(of('disk of a gateway (MB)'), Math.round((425 * users + 90 * revoked) / mega))
    t.equal(of('memory of Redis (MB)'), Math.round((410 * revoked + 3_060 * users) / mega))
    t.equal(
      of('share of a core of Redis'),
      Number((0.0004 * gateways + pushes * (350e-6 + 30e-6 * gateways)).toFixed(2)),
    )
    const network = 1.6 * gateways + 0.5 * pushes * gateways + (0.2 * gateways ** 2) / 8
    t.equal(of('network out of Redis (KB/s)'), Math.round(network))
    t.equal(of('the same, with assertions'), Math.round(network + (0.64 * gateways ** 2) / 5))
  })
}
