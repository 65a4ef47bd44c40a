// Goal: where revocations of other CAs come from, and what the issuing CA publishes, comes out complete, and what cannot work is
// refused with its field.
// Method: the correct sample with these sections; every refusal has its accepted twin.
import t from 'tap'
import { parseSample, problemsOf, sampleConfig, sampleFiles, samplePems } from './sample-config.ts'

type Change = Record<string, unknown>

const { userCa } = samplePems()
const files = () => sampleFiles().put('/etc/gateway/user-ca.key', userCa.key)
const load = (set: Change) => parseSample({ files: files(), set })
const refusals = (set: Change) => problemsOf(() => load(set)).join('\n')

/** The sample's one issuer with these fields. */
const issuer = (fields: Change) => ({ issuers: [{ ...sampleConfig().issuers[0], ...fields }] })
const crls = (...lists: Change[]) => issuer({ crls: lists })
const issuing = { issuer: 'user-ca', signer: { kind: 'file', key: 'user-ca.key' } }

t.test('an issuer without lists and without a responder is no error', async (t) => {
  const [read] = load({}).config.issuers
  t.same(read?.crls, [])
  t.equal(read?.ocsp, undefined)
})

t.test('lists stand in files and at URLs, with a delta list and CAs for https', async (t) => {
  const delta = ['https://pki.example/delta.crl']
  const { config } = load(crls({ from: ['http://pki.example/a.crl', 'lists/a.crl'], delta, ca: 'root.pem' }))
  t.match(config.issuers[0]?.crls, [
    {
      name: 'crl',
      from: [
        { kind: 'url', url: 'http://pki.example/a.crl' },
        { kind: 'file', path: '/etc/gateway/lists/a.crl' },
      ],
      delta: [{ kind: 'url', url: 'https://pki.example/delta.crl' }],
      caPem: /BEGIN CERTIFICATE/,
      pollSeconds: 300,
      restoreRemovedHolds: false,
    },
  ])
  t.match(config.crlFetch, { bytesMax: 104_857_600, redirectsMax: 3, clockSkewSeconds: 300 })
})

t.test('a responder is asked in the background unless somebody says that it must have said good', async (t) => {
  const ocsp = { url: 'http://ocsp.example/' }
  t.match(load(issuer({ ocsp })).config.issuers[0]?.ocsp, { policy: 'revokedOnly', waitMs: 1_000, nonce: true })
  t.match(load(issuer({ ocsp: { ...ocsp, policy: 'mustBeGood' } })).config.issuers[0]?.ocsp, { policy: 'mustBeGood' })
})

t.test('what cannot be fetched is refused with the field', async (t) => {
  const good = { from: ['http://pki.example/a.crl'] }
  const wrong: [Change, RegExp][] = [
    [crls({ from: [] }), /issuers\[0\]\.crls\[0\]\.from/],
    [crls({ from: ['https://'] }), /issuers\[0\]\.crls\[0\]\.from\[0\]/],
    [crls({ from: ['http://name:secret@pki.example/'] }), /crls\[0\]\.from\[0\].*holds a name or password/],
    [crls({ from: ['https://pki.example/a.crl'] }), /crls\[0\]\.ca .*a place is https/],
    [crls({ ...good, ca: 'root.pem' }), /crls\[0\]\.ca .*no place is https/],
    [crls(good, good), /crls\[1\]\.name as a name used once/],
    [crls({ ...good, pollSeconds: 1 }), /crls\[0\]\.pollSeconds/],
    [issuer({ ocsp: { url: 'ldap://ocsp.example/' } }), /issuers\[0\]\.ocsp\.url/],
    [issuer({ ocsp: { url: 'https://ocsp.example/' } }), /issuers\[0\]\.ocsp\.ca/],
    [issuer({ ocsp: { url: 'http://ocsp.example/', policy: 'perhaps' } }), /issuers\[0\]\.ocsp\.policy/],
  ]
  for (const [set, message] of wrong) t.match(refusals(set), message, String(message))
  t.equal(load(crls(good, { ...good, name: 'other' })).config.issuers[0]?.crls?.length, 2)
})

t.test('nothing is published unless it is asked for, and then where the public door is', async (t) => {
  t.equal(load({ issuing }).config.publication, undefined)
  t.match(load({ issuing }).config.issuing, { crlUrls: [], ocspUrls: [], caIssuersUrls: [] })
  const { config } = load({ issuing, publication: {} })
  t.match(config.publication, { baseUrl: 'https://localhost:8442', crl: { validitySeconds: 86_400 } })
  t.match(config.issuing, {
    crlUrls: ['https://localhost:8442/pki/user-ca.crl'],
    ocspUrls: ['https://localhost:8442/ocsp'],
    caIssuersUrls: ['https://localhost:8442/pki/user-ca.cer'],
  })
})

t.test('certificates name what is written rather than what follows', async (t) => {
  const baseUrl = 'http://pki.example'
  const written = { ...issuing, crlUrls: ['http://else.example/a.crl'], ocspUrls: [] }
  t.match(load({ issuing: written, publication: { baseUrl } }).config.issuing, {
    crlUrls: ['http://else.example/a.crl'],
    ocspUrls: [],
    caIssuersUrls: ['http://pki.example/pki/user-ca.cer'],
  })
})

t.test('who cannot sign, or has no door to publish on, publishes nothing', async (t) => {
  const publication = {}
  const est = { kind: 'est', url: 'https://ca.example/.well-known/est', ca: 'root.pem' }
  const plain = { listen: [{ host: '127.0.0.1', port: 8080 }] }
  t.match(refusals({ publication }), /publication .*no section issuing/)
  t.match(refusals({ publication, issuing: { ...issuing, signer: est } }), /publication .*another CA signs/)
  t.match(refusals({ publication, issuing, 'doors.public': undefined }), /publication .*neither a public door/)
  t.match(refusals({ issuing, 'doors.publication': plain }), /doors\.publication .*no section publication/)
  t.match(refusals({ publication: { baseUrl: 'http://pki.example/pki' }, issuing }), /publication\.baseUrl/)
  const { config } = load({ publication, issuing, 'doors.public': undefined, 'doors.publication': plain })
  t.match(config.doors.publication, plain)
})

t.test('an address is taken once, also by the listener of publications', async (t) => {
  const taken = { listen: [{ host: '127.0.0.1', port: 8443 }] }
  t.match(
    refusals({ publication: {}, issuing, 'doors.publication': taken }),
    /doors\.publication\.listen\[0\]\.port as an address and port used once/,
  )
})

t.test('a route of the application does not stand where lists are published', async (t) => {
  const route = { upstream: 'app', name: 'mine', pathPrefix: '/OCSP' }
  const both = { publication: {}, issuing }
  t.match(refusals({ ...both, routes: [route] }), /routes\[0\]\.pathPrefix .*published there/)
  t.equal(load({ ...both, routes: [{ ...route, doors: ['certificate'] }] }).config.routes.length, 1)
  t.equal(load({ ...both, routes: [{ ...route, pathPrefix: '/ocsp-help' }] }).config.routes.length, 1)
  t.equal(load({ issuing, routes: [route] }).config.routes.length, 1)
})
