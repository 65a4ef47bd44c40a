// Goal: one reading of SNI and Host for all checks (CVE-2026-48928, CVE-2026-32305, CVE-2026-53622).
// Method: a table of spellings; and the check against a door's names and the connection's SNI.
import t from 'tap'
import { hostMatches, normaliseHost } from '../../src/data-path/host-check.ts'

t.test('case, port and one trailing dot make no difference', async (t) => {
  const cases: Record<string, string | undefined> = {
    'bank.example': 'bank.example',
    'BANK.Example': 'bank.example',
    'bank.example:8443': 'bank.example',
    'bank.example.': 'bank.example',
    'BANK.EXAMPLE.:443': 'bank.example',
    'bank.example..': 'bank.example.',
    '[::1]': '[::1]',
    '[2001:DB8::1]:443': '[2001:db8::1]',
    '127.0.0.1:80': '127.0.0.1',
    '': undefined,
    '.': undefined,
    ':443': undefined,
    'bank.example:\r\nX: y': 'bank.example',
  }
  for (const [authority, host] of Object.entries(cases))
    t.equal(normaliseHost(authority), host, JSON.stringify(authority))
})

t.test(
  'a request belongs where its host is a name of the door, and the name the connection was made for',
  async (t) => {
    const names = new Set(['bank.example', 'login.bank.example', '127.0.0.1'])
    t.ok(hostMatches('bank.example', undefined, names), 'no SNI')
    t.ok(hostMatches('bank.example', 'BANK.example.', names))
    t.notOk(hostMatches('login.bank.example', 'bank.example', names), 'another name of the same door')
    t.notOk(hostMatches('other.example', 'other.example', names), 'no name of the door')
    t.notOk(hostMatches(undefined, undefined, names))
    t.notOk(hostMatches('bank.example', '.', names), 'an SNI that names nothing is not the same as none')
    t.notOk(hostMatches('bank.example', 'bank.example\0.evil', names))
  },
)
