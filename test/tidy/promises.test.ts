// Goal: no rule of the domain, invariant of trust or known vulnerability goes without a test that names it. Method: look for
// the id of each row in the test files; the README names one of them for each rule.
import t from 'tap'
import { readFiles, readSource } from './source-files.ts'

/** Rules of certificate-mode login. */
const rules = Array.from({ length: 27 }, (_, index) => `R${index + 1}`)

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

t.test('every rule has a test that names it', async (t) => {
  t.same(
    rules.filter((rule) => !isNamed(rule)),
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

t.test('the README says of every rule where it lives, and names a test that names it', async (t) => {
  const rows = readSource('README.md').text.split('\n')
  for (const rule of rules) {
    const row = rows.find((line) => line.startsWith(`| ${rule} `)) ?? ''
    const [source, proof] = [...row.matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => path ?? '')
    t.match(source, /^src\//, rule)
    t.ok(new RegExp(`\\b${rule}\\b`).test(proof === undefined ? '' : readSource(proof).text), `${rule} in ${proof}`)
  }
})
