// Goal: certreq reads from our INF exactly the login ID and name that were meant, whatever they hold. Method: read the INF back by the
// rules of INF files and of CertStrToName, written here a second time, and compare.
import t from 'tap'
import { requestSettings } from '../../../src/portal/est/request-settings.ts'
import { nastyLoginIds } from './nasty-login-ids.ts'

/** Sections and their values, as SetupAPI reads an INF file: quoted strings, `""` for a mark, `%%` for a percent sign, `;` for comments. */
function readInf(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>()
  let section = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    const heading = /^\[(\w+)\]$/.exec(line)?.[1]
    if (heading !== undefined) {
      section = new Map()
      sections.set(heading, section)
    } else if (line !== '') section.set(...readEntry(line))
  }
  return sections
}

function readEntry(line: string): [string, string] {
  const [, name, rest] = /^(\w+) = (.*)$/.exec(line) ?? []
  if (name === undefined || rest === undefined) throw new Error(`no entry: ${line}`)
  if (!rest.startsWith('"')) {
    if (!/^\w+$/.test(rest)) throw new Error(`unquoted: ${line}`)
    return [name, rest]
  }
  let value = ''
  let at = 1
  for (; at < rest.length; at++) {
    const pair = rest.slice(at, at + 2)
    if (pair === '""' || pair === '%%') at++
    else if (pair[0] === '%') throw new Error(`a substitution: ${line}`)
    else if (pair[0] === '"') break
    value += pair[0]
  }
  if (at !== rest.length - 1) throw new Error(`something after the string: ${line}`)
  return [name, value]
}

/** Relative names of a distinguished name, as CertStrToName divides it. */
function readName(text: string): [string, string][] {
  const names: [string, string][] = []
  let rest = text
  while (rest !== '') {
    const [whole, type = '', quoted, plain] = /^(\w+)=(?:"((?:[^"]|"")*)"|([^,+;"]*))(?:[,+;]|$)/.exec(rest) ?? []
    if (whole === undefined) throw new Error(`no name: ${rest}`)
    names.push([type, quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"')])
    rest = rest.slice(whole.length)
  }
  return names
}

t.test('R26 the key is made by the first provider that can, for this user, and cannot be exported', async (t) => {
  const inf = readInf(requestSettings({ loginId: 'user07', friendlyName: 'せきしょ銀行', keyType: 'P-256' }))
  t.same([...inf.keys()], ['Version', 'NewRequest'])
  t.equal(inf.get('Version')?.get('Signature'), '$Windows NT$')
  t.same(Object.fromEntries(inf.get('NewRequest') ?? []), {
    Subject: 'CN=user07',
    FriendlyName: 'せきしょ銀行',
    KeyAlgorithm: 'ECDSA_P256',
    KeyLength: '256',
    KeyUsage: '0x80',
    HashAlgorithm: 'sha256',
    Exportable: 'FALSE',
    MachineKeySet: 'FALSE',
    SMIME: 'FALSE',
    RequestType: 'PKCS10',
  })
})

t.test('a login ID stays one common name, whatever it holds', async (t) => {
  for (const loginId of nastyLoginIds) {
    const text = requestSettings({ loginId, friendlyName: loginId, keyType: 'P-384' })
    const section = readInf(text).get('NewRequest')
    t.same(readName(section?.get('Subject') ?? ''), [['CN', loginId]], loginId)
    t.equal(section?.get('FriendlyName'), loginId, loginId)
    t.equal(section?.size, 10, loginId)
  }
})

t.test('a name with line ends stays one line', async (t) => {
  const text = requestSettings({ loginId: 'a', friendlyName: 'x\r\nExportable = TRUE\u2028y', keyType: 'RSA-2048' })
  const section = readInf(text).get('NewRequest')
  t.equal(section?.get('Exportable'), 'FALSE')
  t.equal(section?.get('KeyAlgorithm'), 'RSA')
  t.equal(section?.get('FriendlyName'), 'x  Exportable = TRUE y')
})
