// Goal: the enrolment script for Windows says what was meant, whatever a login ID or a name holds. Method: read it back by PowerShell's
// rules for literal strings and comments, written here a second time. It cannot be run here: no test does.
import t from 'tap'
import { enrolOutcomes, enrolReportId } from '../../../src/portal/est/enrol-report.ts'
import { powershellLines, powershellText } from '../../../src/portal/est/powershell-text.ts'
import { keyProviders, requestSettings } from '../../../src/portal/est/request-settings.ts'
import { type WindowsScriptOptions, windowsScript } from '../../../src/portal/est/windows-script.ts'
import { nastyLoginIds } from './nasty-login-ids.ts'

const options: WindowsScriptOptions = {
  publicAuthority: 'bank.example:8442',
  loginId: 'user07',
  code: 'K7QM-4TXW-9RDH',
  serviceName: 'せきしょ銀行インターネットバンキング',
  keyType: 'P-256',
}

type Token = { readonly kind: 'comment' | 'text' | 'lines' | 'code'; readonly value: string }

const quotes = "'\u2018\u2019\u201a\u201b"

/** Comments, literal strings, literal here-strings and everything else. Double quotation marks outside of these would be refused. */
function readPowershell(script: string): Token[] {
  const tokens: Token[] = []
  const patterns: readonly [Token['kind'], RegExp][] = [
    ['comment', /<#[\s\S]*?#>|#[^\n]*/y],
    ['lines', new RegExp(`@[${quotes}][ \\t]*\\r?\\n([\\s\\S]*?)\\r?\\n[${quotes}]@`, 'y')],
    ['text', new RegExp(`[${quotes}]((?:[^${quotes}]|[${quotes}]{2})*)[${quotes}]`, 'y')],
    ['code', new RegExp(`[^#<@${quotes}]+|[<@]`, 'y')],
  ]
  for (let at = 0; at < script.length; ) {
    const found = patterns
      .map(([kind, pattern]) => {
        pattern.lastIndex = at
        return [kind, pattern.exec(script)] as const
      })
      .find(([, match]) => match !== null)
    if (found === undefined) throw new Error(`unreadable at ${at}: ${script.slice(at, at + 40)}`)
    const [kind, match] = found
    const [whole = '', inside = whole] = match ?? []
    tokens.push({
      kind,
      value: kind === 'text' ? inside.replace(new RegExp(`([${quotes}])[${quotes}]`, 'g'), '$1') : inside,
    })
    at += whole.length
  }
  return tokens
}

/** Literal values that are given to variables at the start of a line. */
function assignments(script: string): Map<string, string> {
  const tokens = readPowershell(script)
  const found = new Map<string, string>()
  for (const [at, { kind, value }] of tokens.entries()) {
    const name = /(?:^|\n)\$(\w+) = $/.exec(tokens[at - 1]?.value ?? '')?.[1]
    if ((kind === 'text' || kind === 'lines') && name !== undefined && tokens[at - 1]?.kind === 'code')
      found.set(name, value)
  }
  return found
}

t.test('the script is UTF-8 with a byte order mark and CR LF, for Windows PowerShell 5.1', async (t) => {
  const script = windowsScript(options)
  t.equal(script.codePointAt(0), 0xfeff)
  t.notMatch(script.slice(1), /\uFEFF/)
  t.notMatch(script.replaceAll('\r\n', ''), /[\r\n]/)
  t.match(script, /電子証明書の登録が完了しました。ブラウザの画面をすべて閉じて/)
  t.match(script, /they have not run it on Windows/, 'it says that nobody here has run it')
})

t.test('it holds the server, the login ID, the code and the settings of the request', async (t) => {
  const values = assignments(windowsScript(options))
  t.equal(values.get('Server'), 'https://bank.example:8442')
  t.equal(values.get('LoginId'), 'user07')
  t.equal(values.get('Code'), options.code)
  t.equal(values.get('CodeId'), enrolReportId(options.code))
  t.equal(values.get('Service'), options.serviceName)
  const settings = requestSettings({ loginId: 'user07', friendlyName: options.serviceName, keyType: 'P-256' })
  t.equal(values.get('RequestSettings'), settings)
  t.match(settings, /\r\n$/, 'the provider gets a line of its own after it')
})

t.test('the code stands in it once, and only that', async (t) => {
  const script = windowsScript({ ...options, code: 'SECRET-SECRET' })
  t.equal(script.split('SECRET-SECRET').length, 2)
  t.match(script, /ArgumentList 'Basic', \$login/)
})

t.test('the TPM is tried first, then the software of Windows', async (t) => {
  const script = windowsScript(options)
  t.ok(script.includes(`$Providers = @('${keyProviders[0]}', '${keyProviders[1]}')`))
  t.match(keyProviders[0], /Platform/)
})

t.test('nothing in it turns off the check of the server, follows a redirect or uses plain HTTP', async (t) => {
  const script = windowsScript(options)
  t.notMatch(
    script,
    /ServerCertificateValidationCallback|ServerCertificateCustomValidationCallback|SkipCertificateCheck|http:\/\//,
  )
  t.match(script, /AllowAutoRedirect = \$false/)
  t.notMatch(script, /Invoke-Expression|\biex\b|DownloadString/)
})

t.test('temporary files are removed however it ends', async (t) => {
  t.match(windowsScript(options).replaceAll('\r\n', '\n'), /\} finally \{\n {2}Clear-Traces\n {2}Send-Report\n/)
})

t.test('a login ID or a name stays a text, whatever it holds', async (t) => {
  const plain = readPowershell(windowsScript(options)).filter(({ kind }) => kind === 'code')
  for (const loginId of [...nastyLoginIds, 'ü‘’‚‛', '‘; calc; ’']) {
    const script = windowsScript({ ...options, loginId, serviceName: loginId })
    const values = assignments(script)
    t.equal(values.get('LoginId'), loginId, loginId)
    t.equal(values.get('Service'), loginId, loginId)
    t.equal(
      values.get('RequestSettings'),
      requestSettings({ loginId, friendlyName: loginId, keyType: 'P-256' }),
      loginId,
    )
    t.same(
      readPowershell(script).filter(({ kind }) => kind === 'code'),
      plain,
      `${loginId}: the code of the script is the same`,
    )
  }
})

t.test('a text of PowerShell is one line between single quotation marks', async (t) => {
  t.equal(powershellText("a'b"), "'a''b'")
  t.equal(powershellText('a’b'), "'a’’b'")
  t.equal(powershellText('a\r\nb'), "'a  b'")
  t.equal(powershellText('$x`"'), `'$x\`"'`)
  t.throws(() => powershellLines("x\r\n'@ calc"), TypeError)
  t.equal(powershellLines("x'@"), "@'\r\nx'@\r\n'@")
})

t.test('an authority that is no host and port is refused, and every usual form is taken', async (t) => {
  for (const publicAuthority of ['', 'a b', "x'", 'x/y', 'user@x', 'https://x', 'x:123456']) {
    t.throws(() => windowsScript({ ...options, publicAuthority }), TypeError, publicAuthority)
  }
  for (const publicAuthority of ['bank.example', 'localhost:8442', '[::1]:8442', '127.0.0.1:1']) {
    t.equal(assignments(windowsScript({ ...options, publicAuthority })).get('Server'), `https://${publicAuthority}`)
  }
})

t.test('braces and brackets of its code are balanced', async (t) => {
  const open: string[] = []
  const pairs: Readonly<Record<string, string>> = { '}': '{', ')': '(', ']': '[' }
  for (const { kind, value } of readPowershell(windowsScript(options))) {
    if (kind !== 'code') continue
    t.notMatch(value, /[`"]/, 'nothing is escaped or expanded')
    for (const character of value) {
      if ('{(['.includes(character)) open.push(character)
      const partner = pairs[character]
      if (partner !== undefined) t.equal(open.pop(), partner)
    }
  }
  t.same(open, [])
})

t.test('it reports with words that the server knows, and with all of them', async (t) => {
  const script = windowsScript(options)
  const words = [...script.matchAll(/(?:Stop-Run|Outcome =) '(\w+)'/g)].map(([, word]) => word)
  t.same([...new Set(words)].sort(), [...enrolOutcomes].sort())
})
