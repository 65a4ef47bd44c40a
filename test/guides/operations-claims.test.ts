// Goal: what the operations guide says outside its boxes is so. Method: commands, options, fields, metrics, faults, events, roles, links and
// the score of the unit are looked up where they come from; each look-up is shown to find something wrong.
import { spawnSync } from 'node:child_process'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { operatorRoles } from '../../src/admin/operator.ts'
import { faults } from '../../src/base/errors.ts'
import { readSource, root } from '../tidy/source-files.ts'

const path = 'config/guides/operations.md'
const guide = readSource(path).text
/** What stands in backticks within sentences, and lines of boxes. */
const spans = [...guide.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text)
const boxLines = [...guide.matchAll(/^```sh.*\n([\s\S]*?)^```$/gm)].flatMap(([, text = '']) => text.split('\n'))

const helps = new Map<string, string>()

/** What `sekisho VERB --help` prints. */
function helpOf(verb: string): string {
  const known = helps.get(verb)
  if (known !== undefined) return known
  const args = [join(root, 'scripts/sekisho.js'), ...verb.split(' '), '--help']
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '200' },
  })
  const help = status === 0 ? stdout : ''
  helps.set(verb, help)
  return help
}

/** What is wrong with a command of the command line, as it is written down. */
function faultOf(command: string): string | undefined {
  const words = command.split(/\s+/).slice(1)
  const own = words.findIndex((word) => word.startsWith('-'))
  const plain = own < 0 ? words : words.slice(0, own)
  const group = plain.length > 1 && /^Usage: sekisho \S+ \[options\] \[command\]/.test(helpOf(plain[0] ?? ''))
  const verb = plain.slice(0, group ? 2 : 1).join(' ')
  const [, usage] = new RegExp(`^Usage: sekisho ${verb}(.*)$`, 'm').exec(helpOf(verb)) ?? []
  if (usage === undefined) return `${command}: no such command`
  const taken = (usage.match(/[<[](?!options|command)[\w-]+(?:\.\.\.)?[\]>]/g) ?? []).length
  if (plain.length - (group ? 2 : 1) > taken) return `${command}: an argument too many`
  const options = words.filter((word) => word.startsWith('--')).map((word) => word.replace(/=.*/, ''))
  const unknown = options.find((option) => !new RegExp(`${option}\\b`).test(helpOf(verb)))
  return unknown === undefined ? undefined : `${command}: no option ${unknown}`
}

t.test('every command of sekisho that the guide names exists, with its options and arguments', async (t) => {
  const typed = boxLines.flatMap((line) => /(?:^|-- )(sekisho(?:-op)? [a-z][^|;>&]*)/.exec(line)?.[1]?.trim() ?? [])
  const commands = [...spans.filter((span) => /^sekisho(-op)? [a-z]/.test(span)), ...typed]
  t.ok(commands.length >= 20)
  t.same(
    commands.map(faultOf).filter((fault) => fault !== undefined),
    [],
  )
})

t.test('a command that does not exist, and one with a wrong option or argument, are found', async (t) => {
  t.match(faultOf('sekisho gatewayz'), /no such command/)
  t.match(faultOf('sekisho doctor /etc/sekisho/sekisho.yaml'), /too many/)
  t.match(faultOf('sekisho doctor --file x'), /no option --file/)
  t.match(faultOf('sekisho crl looks'), /no such command/)
  t.equal(faultOf('sekisho config check FILE'), undefined)
})

t.test('fields of the configuration that are named exist', async (t) => {
  const reference = readSource('config/README.md').text
  const sections = 'accessLog|auditLog|doors|identity|issuers|limits|revocation|store|tracing'
  const fields = spans.flatMap((span) => new RegExp(`^(?:${sections})(?:\\[\\])?\\.[\\w.[\\]]+`).exec(span)?.[0] ?? [])
  t.ok(fields.length >= 8)
  const missing = (names: readonly string[]) => names.filter((name) => !reference.includes(`\`${name}\``))
  t.same(missing(fields), [])
  t.same(missing(['limits.drainTimeout']), ['limits.drainTimeout'])
})

t.test('defaults that are named in brackets are those of the reference', async (t) => {
  const reference = readSource('config/README.md').text
  const defaultOf = (field: string) =>
    Number(new RegExp(`\\| \`${field}\`\\s*\\|[^|]*\\|\\s*\`(\\d+)\``).exec(reference)?.[1])
  const stated = [...guide.matchAll(/`((?:limits|revocation)\.\w+)`\s+\(([\d,]+) ?(s|minutes)?\)/g)]
  t.ok(stated.length >= 4)
  for (const [, field = '', number = '', unit] of stated) {
    const value = Number(number.replaceAll(',', '')) * (unit === 'minutes' ? 60 : 1)
    t.equal(value * (field.endsWith('Ms') ? 1_000 : 1), defaultOf(field), field)
  }
})

t.test('metrics, denials, faults and audit events that are named exist', async (t) => {
  const reference = readSource('src/observe/README.md').text
  const metrics = guide.match(/\bsekisho_[a-z_]+[a-z]/g) ?? []
  t.same(
    metrics.filter((name) => !reference.includes(`\`${name}`)),
    [],
  )
  const events = readSource('src/observe/audit-event.ts').text
  const codes = [
    ...spans.filter((span) => /^[a-z]+(_[a-z]+)+$/.test(span)),
    ...(/byHand = new Set\(\[([^\]]*)/.exec(guide)?.[1]?.match(/[a-z_]+/g) ?? []),
    ...(guide.match(/event === '\w+'/g) ?? []).map((text) => text.slice(11, -1)),
  ]
  const isKnown = (code: string) =>
    code in faults || reference.includes(`\`${code}\``) || events.includes(`'${code}'`) || !/_/.test(code)
  const others = ['auth_basic', 'proxy_protocol']
  t.ok(codes.length >= 12)
  t.same(
    codes.filter((code) => !isKnown(code) && !others.includes(code)),
    [],
  )
  t.notOk(isKnown('user_banned'))
})

t.test('the roles are those of the admin door, and the score of the unit the one its README states', async (t) => {
  const [, sentence = ''] = /OU names the role\s+\(([^)]*)\)/.exec(guide) ?? []
  t.same(sentence.match(/(?<=`)\w+(?=`)/g)?.toSorted(), [...operatorRoles].toSorted())
  const score = /\*\*(\d\.\d \(\w+\))\*\*/
  t.equal(score.exec(guide)?.[1], score.exec(readSource('config/systemd/README.md').text)?.[1])
})

/** The anchors of a document, as a forge makes them of its headings. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

t.test('every link leads to a heading, and to each document that operators need', async (t) => {
  const links = [...guide.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)].map(([, file = '', anchor]) => ({ file, anchor }))
  const broken = links.filter(({ file, anchor }) => {
    if (anchor === undefined) return false
    const target = file === '' ? path : normalize(join(dirname(path), file))
    return !anchorsOf(readSource(target).text).has(anchor)
  })
  t.same(broken, [])
  t.notOk(anchorsOf(guide).has('no-such-heading'))
  const files = new Set(links.map(({ file }) => file))
  const needed = [
    '../README.md',
    '../prometheus/runbook.md',
    '../systemd/README.md',
    'security-team.md',
    'sizing.md',
    'tracing.md',
  ]
  t.same(
    needed.filter((file) => !files.has(file)),
    [],
  )
})
