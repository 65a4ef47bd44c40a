// Goal: the programs that the guide gives to developers accept what the gateway vouches for, and nothing else. Method: each one, as a process,
// with assertions of a real gateway and its own key set over HTTPS; then with ones that somebody else altered, or signed otherwise.
import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import {
  audience,
  createOwnKey,
  currentClaims,
  encodePart,
  es256,
  makeToken,
  programFolder,
  runProgram,
  verifyPrograms,
} from './verify-programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-verify-'))
const app = await TestUpstream.start()
const gateway = await withGateway({ upstreamPort: app.port, config: { identity: { assertion: { audience } } } })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
  rmSync(folder, { recursive: true, force: true })
})

const programs = await verifyPrograms(folder)

const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** A request through the gateway: what its application saw. */
async function arrive(loginId: string) {
  const certificate = gateway.issuingCa.issueClient({ commonName: loginId })
  const path = `/${loginId}`
  app.answer(path, plainAnswer('ok'))
  const client = await RawClient.connect(gateway, { certificate })
  await client.get(path).answer()
  client.close()
  const seen = await app.request(path)
  return { assertion: seen.values('sekisho-assertion')[0] ?? '', clientCert: seen.values('client-cert')[0] ?? '' }
}

async function fetchText(url: string): Promise<string> {
  const request = get(url, { ca: gateway.serverCaPem, agent: false })
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

const ca = write('ca.pem', gateway.serverCaPem)
const url = `https://localhost:${gateway.ports.public}/.sekisho/jwks.json`
const keySet = write('keys.json', await fetchText(url))
const gatewayJwk = JSON.parse(readFileSync(keySet, 'utf8')).keys[0]
const kid = gatewayJwk.kid as string
const spki = createPublicKey({ key: gatewayJwk, format: 'jwk' }).export({ format: 'pem', type: 'spki' })

// A gateway of the test's own, to vouch for what the real one never would.
const own = createOwnKey('own')
const p384 = createOwnKey('p384', 'P-384')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const rsaJwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rsa' }
const ownSet = write('own.json', JSON.stringify({ keys: [rsaJwk, p384.publicJwk, own.publicJwk] }))

const header = { alg: 'ES256', typ: 'JWT', kid: 'own' }
const signOwn = es256(own.privateKey)
const signedByOwn = (changes: object, more: object = {}) =>
  makeToken({ ...header, ...more }, { ...currentClaims(), ...changes }, signOwn)
/** Valid times relative to now, by which an assertion began and ends. */
const timed = (fromSeconds: number, toSeconds: number) => () => {
  const { iat } = currentClaims()
  return signedByOwn({ iat: iat + fromSeconds, exp: iat + toSeconds })
}

/** `token`: what is asked about; a function where it must be of this moment. `reason`: undefined for what is accepted. */
type Case = [what: string, token: string | (() => string), options: string[], reason: RegExp | undefined]
const real = ['--jwks', keySet, '--audience', audience]
const mine = ['--jwks', ownSet, '--audience', audience]

/** What the real gateway signed, and what a stranger makes of it. */
async function casesOfGateway(): Promise<Case[]> {
  const ours = await arrive('user01')
  const theirs = await arrive('user02')
  const [head = '', body = '', signature = ''] = ours.assertion.split('.')
  const realClaims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'))
  const about = (clientCert: string) => [...real, '--client-cert', clientCert]
  const signedAs = (bytes: Buffer) => `${head}.${body}.${bytes.toString('base64url')}`
  const halves = Buffer.from(signature, 'base64url')
  const hmac = (signed: string) => createHmac('sha256', spki).update(signed).digest()
  const noCa = write('none.pem', gateway.operatorsCa.certificatePem)
  return [
    ['its own, keys over HTTPS', ours.assertion, ['--jwks', url, '--ca', ca, '--audience', audience], undefined],
    ['its own, about the certificate of the request', ours.assertion, about(ours.clientCert), undefined],
    ['another certificate', ours.assertion, about(theirs.clientCert), /about another certificate/],
    ['a certificate without colons', ours.assertion, about(ours.clientCert.slice(1, -1)), /holds no certificate/],
    ['two certificates', ours.assertion, about(`${ours.clientCert}, ${ours.clientCert}`), /holds no certificate/],
    ['a certificate that is no base64', ours.assertion, about(':A:'), /no base64|another certificate/],
    ['another audience', ours.assertion, ['--jwks', keySet, '--audience', 'other-app'], /another audience/],
    ['a key that is not the gateway’s', ours.assertion, mine, /key is none of the gateway/],
    [
      'a stranger’s key under the gateway’s name',
      makeToken({ ...header, kid }, currentClaims(), signOwn),
      real,
      /signature is wrong/,
    ],
    [
      'an altered login ID',
      `${head}.${encodePart({ ...realClaims, sub: 'user02' })}.${signature}`,
      real,
      /signature is wrong/,
    ],
    ['an altered head', `${encodePart({ alg: 'ES256', kid })}.${body}.${signature}`, real, /signature is wrong/],
    [
      'an altered signature',
      `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
      real,
      /signature is wrong/,
    ],
    ['a signature of zeros (CVE-2022-21449)', signedAs(Buffer.alloc(64)), real, /signature is wrong/],
    ['one half of zeros', signedAs(Buffer.concat([halves.subarray(0, 32), Buffer.alloc(32)])), real, /signature is/],
    ['a signature of ones', signedAs(Buffer.alloc(64, 0xff)), real, /signature is wrong/],
    ['half a signature', signedAs(halves.subarray(0, 32)), real, /signature is wrong/],
    ['a byte too few', signedAs(halves.subarray(1)), real, /signature is wrong/],
    ['a byte too many', signedAs(Buffer.concat([halves, Buffer.alloc(1)])), real, /signature is wrong/],
    [
      'halves with zeros before them',
      signedAs(Buffer.concat([Buffer.alloc(1), halves.subarray(0, 32), Buffer.alloc(1), halves.subarray(32)])),
      real,
      /signature is wrong/,
    ],
    ['a signature that is no base64', `${head}.${body}.A`, real, /no base64|signature is wrong/],
    ['one with padding', `${ours.assertion}==`, real, /no JWT/],
    ['one more part', `${ours.assertion}.AAAA`, real, /no JWT/],
    ['two in one field', `${ours.assertion}, ${ours.assertion}`, real, /no JWT/],
    [
      'alg none, with a signature',
      makeToken({ alg: 'none', kid }, currentClaims(), hmac),
      real,
      /not signed with ES256/,
    ],
    ['alg none, without', `${encodePart({ alg: 'none', kid })}.${body}.`, real, /no JWT/],
    [
      'HMAC with the public key',
      makeToken({ alg: 'HS256', kid }, currentClaims(), hmac),
      real,
      /not signed with ES256/,
    ],
    ['HMAC that says ES256', makeToken({ alg: 'ES256', kid }, currentClaims(), hmac), real, /signature is wrong/],
    [
      'an own key that it brings along',
      makeToken({ alg: 'ES256', jwk: own.publicJwk }, currentClaims(), signOwn),
      real,
      /not signed|none of/,
    ],
    [
      'a key set from whom nobody vouches for',
      ours.assertion,
      ['--jwks', url, '--ca', noCa, '--audience', audience],
      /Cannot read the key set: .*certif/i,
    ],
    [
      'a key set from whom the system does not know',
      ours.assertion,
      ['--jwks', url, '--audience', audience],
      /Cannot read the key set: .*certif/i,
    ],
    [
      'a key set where there is none',
      ours.assertion,
      ['--jwks', url.replace('jwks', 'none'), '--ca', ca, '--audience', audience],
      /Cannot read the key set: .*(404|JSON)/,
    ],
  ]
}

const sha256With = (key: ReturnType<typeof createOwnKey>, hash: string) => (signed: string) =>
  sign(hash, Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })

/** What a gateway would have to sign wrongly, or does by another clock. */
const casesOfOwnKey: Case[] = [
  ['one of our own key', () => signedByOwn({}), mine, undefined],
  [
    'one of a login with ID and password, without a name',
    () => signedByOwn({ sub: undefined, login_method: 'password' }),
    mine,
    undefined,
  ],
  ['one without any certificate', () => signedByOwn({ sub: undefined, login_method: 'none' }), mine, undefined],
  ['one from a clock 4 seconds ahead', timed(4, 64), mine, undefined],
  ['one from a clock 30 seconds ahead', timed(30, 90), mine, /future/],
  ['one that ended a second ago', timed(-61, -1), mine, undefined],
  ['one that ended 6 seconds ago', timed(-66, -6), mine, /expired/],
  ['one of yesterday', timed(-86_460, -86_400), mine, /expired/],
  ['one that lives for a day', timed(0, 86_400), mine, /times are none/],
  ['one without an end', () => signedByOwn({ exp: undefined }), mine, /times are none/],
  ['one without a beginning', () => signedByOwn({ iat: undefined }), mine, /times are none/],
  ['an end that is a text', () => signedByOwn({ exp: '9999999999' }), mine, /times are none/],
  ['an end that never comes', () => signedByOwn({ exp: 1e300, iat: 1e300 }), mine, /times are none|future/],
  ['another issuer', () => signedByOwn({ iss: 'somebody' }), mine, /another audience/],
  ['no issuer', () => signedByOwn({ iss: undefined }), mine, /another audience/],
  ['no audience', () => signedByOwn({ aud: undefined }), mine, /another audience/],
  ['several audiences', () => signedByOwn({ aud: [audience, 'other'] }), mine, /another audience/],
  ['an audience that only begins alike', () => signedByOwn({ aud: `${audience}2` }), mine, /another audience/],
  ['a certificate without a name', () => signedByOwn({ sub: undefined }), mine, /do not agree/],
  ['a name that is a number', () => signedByOwn({ sub: 1 }), mine, /do not agree/],
  ['a password with a name', () => signedByOwn({ login_method: 'password' }), mine, /do not agree/],
  ['an unknown login method', () => signedByOwn({ login_method: 'magic' }), mine, /method is unknown/],
  ['one without a number of its own', () => signedByOwn({ jti: '' }), mine, /no jti/],
  ['one that names no certificate', () => signedByOwn({}), [...mine, '--client-cert', ':AAAA:'], /another certificate/],
  [
    'one that names a certificate in another way',
    () => signedByOwn({ cnf: 'AAAA' }),
    [...mine, '--client-cert', ':AAAA:'],
    /another certificate/,
  ],
  [
    'the same names in the head in another case',
    () => signedByOwn({}, { alg: 'es256' }),
    mine,
    /not signed with ES256/,
  ],
  ['a kid that is a list', () => signedByOwn({}, { kid: ['own'] }), mine, /not signed with ES256/],
  ['a kid of no key', () => signedByOwn({}, { kid: '__proto__' }), mine, /none of the gateway/],
  [
    'a key of another curve',
    () => makeToken({ ...header, kid: 'p384' }, currentClaims(), sha256With(p384, 'sha256')),
    mine,
    /none of the gateway/,
  ],
  [
    'ES384',
    () => makeToken({ alg: 'ES384', kid: 'p384' }, currentClaims(), sha256With(p384, 'sha384')),
    mine,
    /not signed with ES256/,
  ],
  [
    'RS256, by a key of the set',
    () =>
      makeToken({ alg: 'RS256', kid: 'rsa' }, currentClaims(), (text) =>
        sign('sha256', Buffer.from(text), rsa.privateKey),
      ),
    mine,
    /not signed with ES256/,
  ],
  [
    'a signature as DER',
    () => makeToken(header, currentClaims(), (text) => sign('sha256', Buffer.from(text), own.privateKey)),
    mine,
    /signature is wrong/,
  ],
  ['claims that are a list', () => makeToken(header, [], signOwn), mine, /no JSON object/],
  ['claims that are no JSON', () => makeToken(header, '{"iss":', signOwn), mine, /JSON/],
  ['JSON that never ends', `${encodePart('['.repeat(6_000))}.e30.AAAA`, mine, /JSON/],
  ['nothing', '', mine, /no JWT/],
  ['ten thousand dots', '.'.repeat(10_000), mine, /too long/],
  ['a good one that is too long', () => signedByOwn({ more: 'x'.repeat(8_192) }), mine, /too long/],
]

/** The leeway, less what is lost to whole seconds: a run that took longer says nothing of an assertion that is accepted for a moment. */
const momentMs = 3_000

for (const { name, command, args } of programs) {
  t.test(name, async (t) => {
    for (const [what, token, options, reason] of [...(await casesOfGateway()), ...casesOfOwnKey]) {
      let startedMs: number
      let ended: Awaited<ReturnType<typeof runProgram>>
      do {
        startedMs = performance.now()
        const text = typeof token === 'string' ? token : token()
        ended = await runProgram(command, [...args, ...options], `${text}\n`)
      } while (reason === undefined && ended.code !== 0 && performance.now() - startedMs > momentMs)
      const { code, out, err } = ended
      if (reason === undefined) {
        t.equal(code, 0, `${what}: accepted ${err}`)
        t.match(out, /login_method/)
      } else {
        t.equal(code, 1, `${what}: refused`)
        t.match(err, reason, what)
        t.notMatch(err, /Traceback|\bat [\w.]+\(|node:internal/, `${what}: in words`)
        t.equal(out, '')
      }
    }
  })
}

t.test('a name that stands twice: refused, or the last one counts (RFC 7519 4), never the first', async (t) => {
  for (const { name, command, args } of programs) {
    const twice = JSON.stringify(currentClaims()).replace('"sub":"user01"', '"sub":"master01","sub":"user01"')
    const { code, out } = await runProgram(command, [...args, ...mine], makeToken(header, twice, signOwn))
    t.equal(code, name === 'Java' ? 1 : 0, name)
    t.notMatch(out, /master01/)
  }
})

t.test('the program for Node runs by a link too, and does not end well without having looked', async (t) => {
  const link = join(folder, 'link.js')
  symlinkSync(join(programFolder, 'verify-assertion.js'), link)
  t.equal((await runProgram(process.execPath, [link, ...mine], signedByOwn({}))).code, 0)
  t.match(await runProgram(process.execPath, [link, ...mine], 'nothing'), { code: 1, out: '', err: /no JWT/ })
  const imported = `import(${JSON.stringify(join(programFolder, 'verify-assertion.js'))}).then(() => console.log('there'))`
  t.match(
    await runProgram(process.execPath, ['-e', imported]),
    { code: 0, out: 'there\n' },
    'imported, it does nothing',
  )
})
