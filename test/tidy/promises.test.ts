// Goal: no rule of the domain, invariant of trust or known vulnerability goes without a test that names it. Method: look for
// the id of each row in the test files; what a later issue brings says which.
import t from 'tap'
import { readFiles, readSource } from './source-files.ts'

/** Rules of certificate-mode login: `now`, or the number of the issue that brings or completes them. */
const rules: Readonly<Record<string, 'now' | number>> = {
  R1: 'now',
  R2: 'now',
  R3: 5,
  R4: 'now',
  R5: 5,
  R6: 'now',
  R7: 5,
  R8: 5,
  R9: 'now',
  R10: 5,
  R11: 5,
  R12: 5,
  R13: 'now',
  R14: 5,
  R15: 5,
  R16: 5,
  R17: 5,
  R18: 5,
  R19: 'now',
  R20: 5,
  R21: 'now',
  R22: 5,
  R23: 5,
  R24: 'now',
  R25: 'now',
  R26: 5,
  R27: 'now',
}

/** As `invariant 5`, `invariants 2, 6`, or as a test's name that begins with the number: `2. the index is …`. */
const invariants = [1, 2, 3, 4, 5, 6].map((number) => ({
  number,
  named: new RegExp(`\\binvariants? (\\d, )*${number}\\b|\\.test\\(\\s*'(\\d\\. and )?${number}\\. `, 'i'),
}))

/** Vulnerability classes of gateways of this kind, by the advisories that named them. */
const advisories: Readonly<Record<string, readonly string[]>> = {
  'resumption skips client authentication': ['CVE-2025-23419', 'CVE-2025-23048', 'CVE-2025-68121', 'CVE-2022-21654'],
  'SNI, Host and policy disagree': ['CVE-2026-48928', 'CVE-2026-32305', 'CVE-2026-53622'],
  'a missing CA file falls back to system roots': ['CVE-2026-27586'],
  'identity headers are spoofed': [
    'GHSA-5m6w-wvh7-57vm',
    'CVE-2026-33433',
    'GHSA-f59h-q822-g45g',
    'CVE-2024-45410',
    'CVE-2026-26308',
  ],
  'HTTP/2 abuse': ['CVE-2023-44487', 'CVE-2024-27983', 'CVE-2025-59465'],
  'desync and smuggling': [
    'CVE-2023-30589',
    'CVE-2024-27982',
    'CVE-2025-23167',
    'CVE-2026-48931',
    'CVE-2023-25725',
    'CVE-2026-29057',
  ],
  'printed names are ambiguous': ['CVE-2021-44531', 'CVE-2021-44532', 'CVE-2021-44533'],
}

const tests = readFiles('test', ['.test.ts'])
  .filter(({ path }) => !path.startsWith('test/tidy/'))
  .map(({ text }) => text)
  .join('\n')

function isNamed(id: string): boolean {
  return new RegExp(`\\b${id}\\b`, 'i').test(tests)
}

t.test('every rule that works has a test that names it', async (t) => {
  const working = Object.keys(rules).filter((rule) => rules[rule] === 'now')
  t.same(
    working.filter((rule) => !isNamed(rule)),
    [],
  )
})

t.test('every invariant has a test that names it', async (t) => {
  t.same(
    invariants.filter((invariant) => !invariant.named.test(tests)).map(({ number }) => number),
    [],
  )
})

t.test('every known vulnerability class has tests that name its advisories', async (t) => {
  for (const [name, ids] of Object.entries(advisories)) {
    t.same(
      ids.filter((id) => !isNamed(id)),
      [],
      name,
    )
  }
})

t.test('the README says of every rule whether it works', async (t) => {
  const { text } = readSource('README.md')
  for (const [rule, due] of Object.entries(rules)) {
    const row = text.split('\n').find((line) => line.startsWith(`| ${rule} `))
    t.ok(row, rule)
    if (row !== undefined) t.equal(/\| works +\|$/.test(row), due === 'now', row)
  }
})
