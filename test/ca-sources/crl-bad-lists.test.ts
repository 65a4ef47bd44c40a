// Goal: a list that is wrong in whatever way is not taken, what is known stays in force, nothing is un-revoked, and it is told what was wrong.
// Method: lists that are wrong in every way, over real HTTP; after each the good one is taken.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { derElement, derSequence } from '../../src/x509/der-writer.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { oids } from '../../src/x509/oids.ts'
import { createTestCa, type TestCa } from '../helpers/test-ca.ts'
import { crlOf } from '../helpers/test-crl.ts'
import {
  type CrlGateway,
  file,
  listOf,
  startCrlGateway,
  startCrlServer,
  startWithList,
  takesAgain,
  url,
} from './crl-setting.ts'

const nowMs = systemClock.nowMs()
const dayMs = 86_400_000

const audits = ({ audited }: CrlGateway, event: string) => audited.filter((each) => each.event === event)

const badLists: Readonly<Record<string, [(ca: TestCa) => Uint8Array, string, RegExp]>> = {
  'signed by another key of the same name': [
    (ca) => crlOf(createTestCa({ commonName: ca.commonName }), nowMs, { number: 11, serials: ['b1'] }),
    'refused',
    /another key/,
  ],
  'signed by another key that says it is this one': [
    (ca) => {
      const list = Buffer.from(crlOf(ca, nowMs, { number: 11, serials: ['b1'] }))
      list[list.length - 5] = (list.at(-5) ?? 0) ^ 1
      return list
    },
    'refused',
    /signature/,
  ],
  'of another issuer': [
    (ca) => crlOf(ca, nowMs, { issuerNameDer: encodeName([]), number: 11, serials: ['b1'] }),
    'refused',
    /issuer name/,
  ],
  'whose number goes back': [(ca) => crlOf(ca, nowMs, { number: 9, serials: ['b1'] }), 'rolled_back', /9.*10/],
  'without a number and older': [
    (ca) => crlOf(ca, nowMs, { thisUpdateMs: nowMs - dayMs, serials: ['b1'] }),
    'rolled_back',
    /taken before/,
  ],
  'with an unknown critical extension': [
    (ca) =>
      crlOf(ca, nowMs, {
        number: 11,
        serials: ['b1'],
        extensions: [{ oid: '1.2.3.4', critical: true, valueDer: derSequence() }],
      }),
    'refused',
    /1\.2\.3\.4/,
  ],
  'that is an indirect one': [
    (ca) =>
      crlOf(ca, nowMs, {
        number: 11,
        serials: ['b1'],
        extensions: [
          {
            oid: oids.issuingDistributionPoint,
            critical: true,
            valueDer: derSequence(derElement(0x84, Uint8Array.of(0xff))),
          },
        ],
      }),
    'refused',
    /indirect CRLs are not taken/,
  ],
  'that is a delta list': [
    (ca) => crlOf(ca, nowMs, { number: 11, deltaBase: 10, serials: ['b1'] }),
    'refused',
    /difference to list 10/,
  ],
  'from the future': [
    (ca) =>
      crlOf(ca, nowMs, { number: 11, thisUpdateMs: nowMs + dayMs, nextUpdateMs: nowMs + 2 * dayMs, serials: ['b1'] }),
    'refused',
    /future/,
  ],
  'that is cut off': [(ca) => crlOf(ca, nowMs, { number: 11, serials: ['b1'] }).subarray(0, -10), 'unreadable', /byte/],
  'that is an HTML page': [() => Buffer.from('<html>Sign in to the hotel</html>'), 'unreadable', /neither DER nor PEM/],
  'that is empty': [() => new Uint8Array(), 'unreadable', /./],
}

for (const [name, [make, result, fault]] of Object.entries(badLists)) {
  t.test(`a list ${name} is not taken`, async (t) => {
    const setting = await startWithList(t)
    const { server, gateway } = setting
    server.give(make(gateway.ca))
    t.match(await gateway.sources.lookNow(), [{ result, fault, number: '10', entries: 1 }])
    await gateway.sources.lookNow()
    t.notOk(gateway.isListed('b1'))
    const warnings = gateway.lines.filter((line) => line.startsWith('warn a CRL is not as it should be'))
    t.equal(warnings.length, 1, 'told once')
    t.equal(audits(gateway, 'crl_refused').length, result === 'unreadable' ? 0 : 1, 'on record once')
    await takesAgain(t, setting)
  })
}

t.test('an expired list is taken, and told', async (t) => {
  const setting = await startWithList(t)
  const { server, gateway } = setting
  const list = { number: 11, thisUpdateMs: nowMs - 2 * dayMs, nextUpdateMs: nowMs - dayMs, serials: ['a1', 'b1'] }
  server.give(crlOf(gateway.ca, nowMs, list))
  t.match(await gateway.sources.lookNow(), [{ result: 'expired', number: '11', fault: /nextUpdate is past/ }])
  t.ok(gateway.isListed('b1'))
  t.match(await gateway.sources.lookNow(), [{ result: 'expired' }])
  t.equal(audits(gateway, 'crl_applied').length, 2, 'each list once')
  server.give(crlOf(gateway.ca, nowMs, { number: 12, serials: [] }))
  t.match(await gateway.sources.lookNow(), [{ result: 'applied', fault: undefined }])
  t.ok(gateway.isListed('a1') && gateway.isListed('b1'), 'no list un-revokes')
})

t.test('an expired list at the first place does not hide a newer one at the second', async (t) => {
  const server = await startCrlServer(t)
  const path = join(t.testdir(), 'old.crl')
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [file(path), url(server.url)] })] })
  const old = { number: 1, thisUpdateMs: nowMs - 2 * dayMs, nextUpdateMs: nowMs - dayMs, serials: ['a1'] }
  writeFileSync(path, crlOf(gateway.ca, nowMs, old))
  server.give(crlOf(gateway.ca, nowMs, { number: 2, serials: ['a2'] }))
  t.match(await gateway.sources.lookNow(), [{ result: 'applied', number: '2', place: server.url }])
  t.ok(gateway.isListed('a1') && gateway.isListed('a2'))
})

t.test('the same number with other contents is taken too, with a warning', async (t) => {
  const { server, gateway } = await startWithList(t)
  server.give(crlOf(gateway.ca, nowMs, { number: 10, serials: ['a2'] }))
  t.match(await gateway.sources.lookNow(), [{ result: 'applied' }])
  t.ok(gateway.isListed('a1') && gateway.isListed('a2'))
  t.match(audits(gateway, 'crl_applied').at(-1)?.detail, { warnings: /other contents/ })
})
