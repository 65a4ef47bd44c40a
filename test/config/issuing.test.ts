// Goal: who issues, who knows passwords and which pages there are comes out complete, and what cannot work is refused with its field.
// Method: the correct sample with these sections; every refusal has its accepted twin.
import t from 'tap'
import { encryptKey, parseSample, problemsOf, sampleFiles, samplePems } from './sample-config.ts'

type Change = Record<string, unknown>

const { userCa, server } = samplePems()
const files = () =>
  sampleFiles()
    .put('/etc/gateway/user-ca.key', userCa.key)
    .put('/etc/gateway/encrypted.key', encryptKey(userCa.key))
    .put('/etc/gateway/other.key', server.key)
const file = (fields: Change = {}) => ({ kind: 'file', key: 'user-ca.key', ...fields })
const issuing = (fields: Change = {}) => ({ issuer: 'user-ca', signer: file(), ...fields })
const load = (set: Change) => parseSample({ files: files(), env: { SECRET: 'secret', WRONG: 'open-sesame' }, set })

t.test('left out, nothing is issued, and pages are there because a public door and a directory are', async (t) => {
  const { config } = parseSample()
  t.equal(config.issuing, undefined)
  t.match(config.portal, { publicAuthority: undefined, revocation: { master: ['own', 'general'], general: [] } })
  t.match(config.passwords, { verifier: { kind: 'directory' }, attemptsMax: 5, lockMinutes: 30 })
})

t.test('R5: a certificate is valid for one year unless configured otherwise', async (t) => {
  t.match(load({ issuing: issuing() }).config.issuing, { validityDays: 365, backdateSeconds: 300, renewalDays: 40 })
  t.equal(load({ issuing: issuing({ validityDays: 730 }) }).config.issuing?.validityDays, 730)
})

t.test('a key may be encrypted, and its password comes from outside the file', async (t) => {
  const signer = file({ key: 'encrypted.key', keyPassword: `\${SECRET}` })
  t.match(load({ issuing: issuing({ signer }) }).config.issuing?.signer, { keyPassword: 'secret' })
})

t.test('a token, and another CA', async (t) => {
  const token = { kind: 'pkcs11', module: '/usr/lib/t.so', tokenLabel: 't', keyLabel: 'k', pin: `\${SECRET}` }
  t.match(load({ issuing: issuing({ signer: token }) }).config.issuing?.signer, {
    ...token,
    pin: 'secret',
    timeoutMs: 10_000,
  })
  const est = { kind: 'est', url: 'https://ca.example/.well-known/est', ca: 'root.pem' }
  t.match(load({ issuing: issuing({ signer: est }) }).config.issuing?.signer, { kind: 'est', username: undefined })
})

t.test('what cannot be is refused with the field, and no secret is shown', async (t) => {
  const est = (fields: Change) => ({ kind: 'est', url: 'https://ca.example/est', ca: 'root.pem', ...fields })
  const wrong: [Change, RegExp][] = [
    [{ issuing: issuing({ issuer: 'nobody' }) }, /issuing\.issuer as the name of a configured issuer.*user-ca/],
    [{ issuing: issuing({ signer: file({ key: 'missing.key' }) }) }, /issuing\.signer\.key/],
    [
      { issuing: issuing({ signer: file({ key: 'other.key' }) }) },
      /issuing\.signer\.key as the private key of user-ca/,
    ],
    [{ issuing: issuing({ signer: file({ key: 'root.pem' }) }) }, /issuing\.signer\.key .*no readable private key/],
    [{ issuing: issuing({ signer: file({ key: 'encrypted.key' }) }) }, /issuing\.signer\.keyPassword .*is encrypted/],
    [
      { issuing: issuing({ signer: file({ key: 'encrypted.key', keyPassword: `\${WRONG}` }) }) },
      /issuing\.signer\.key .*cannot be opened/,
    ],
    [{ issuing: issuing({ signer: file({ keyPassword: `\${SECRET}` }) }) }, /keyPassword .*not encrypted/],
    [{ issuing: issuing({ signer: est({ username: 'a' }) }) }, /issuing\.signer\.(username|password)/],
    [{ issuing: issuing({ signer: est({ ca: undefined }) }) }, /issuing\.signer\.ca/],
    [{ issuing: issuing({ signer: est({ url: 'http://ca.example/est' }) }) }, /issuing\.signer\.url as an https/],
    [{ issuing: issuing({ subject: ['CN={name}'] }) }, /issuing\.subject\[0\] .*\{name\} is neither/],
    [{ issuing: issuing({ subject: ['CN={loginId'] }) }, /issuing\.subject\[0\]/],
    [{ issuing: issuing({ subject: ['O=Bank'] }) }, /issuing\.subject .*names the login ID/],
    [{ issuing: issuing({ validityDays: 0 }) }, /issuing\.validityDays as a whole number from 1 to 1826/],
    [{ issuing: issuing(), directory: 'none' }, /issuing .*directory is none/],
    [{ 'passwords.verifier': { kind: 'http', url: 'https://app.example/v' } }, /passwords\.verifier\.ca/],
    [{ 'passwords.verifier': { kind: 'http', url: 'http://u:p@app.example/v' } }, /passwords\.verifier\.url/],
    [{ 'portal.publicAuthority': 'elsewhere.example:443' }, /portal\.publicAuthority .*does not answer/],
    [{ 'portal.certificateAuthority': 'no authority' }, /portal\.certificateAuthority/],
    [{ 'portal.enabled': true, directory: 'none' }, /portal\.enabled as false, or left out.*no directory/],
    [{ 'portal.enabled': true, 'doors.public': undefined }, /portal\.enabled .*no public door/],
    [
      { 'portal.revocation': { master: ['everybody'] } },
      /portal\.revocation\.master\[0\] as one of own, general, master/,
    ],
    [{ 'upstreams.0.name': 'portal' }, /upstreams\[0\]\.name .*reserved/],
  ]
  for (const [set, message] of wrong) {
    const text = problemsOf(() => load(set)).join('\n')
    t.match(text, message, JSON.stringify(set))
    t.notMatch(text, /open-sesame/, 'no value of a variable')
  }
})

t.test('without a public door or a directory there are no pages, and that is fine', async (t) => {
  t.equal(load({ 'doors.public': undefined }).config.portal, undefined)
  t.equal(load({ directory: 'none' }).config.portal, undefined)
  t.equal(load({ 'portal.enabled': false }).config.portal, undefined)
  t.equal(load({ 'portal.publicAuthority': 'LOCALHOST:8442' }).config.portal?.publicAuthority, 'localhost:8442')
})

t.test('passwords that cross the network in the clear are warned of', async (t) => {
  const warned = (url: string) =>
    load({ 'passwords.verifier': { kind: 'http', url } }).warnings.some((line) => line.includes('passwords.verifier'))
  t.equal(warned('http://app.internal.example/v'), true)
  t.equal(warned('http://127.0.0.1:8081/v'), false)
})
