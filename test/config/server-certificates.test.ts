// Goal: a gateway does not start with a server certificate or key that cannot serve, and warns of what soon will not.
// Method: the correct sample with one file replaced, or the clock moved; every refusal has its accepted twin.
import t from 'tap'
import {
  clockInDays,
  encryptKey,
  makeCertificate,
  type ParseChanges,
  parseSample,
  problemsOf,
  sampleFiles,
  samplePems,
  serverExtensions,
} from './sample-config.ts'

const certificateField = /doors\.certificate\[0\]\.serverCertificates\[0\]\.certificate/
const keyField = /doors\.certificate\[0\]\.serverCertificates\[0\]\.key/

function refusedFiles(name: string, content: string): string[] {
  return problemsOf(() => parseSample({ files: sampleFiles().put(`/etc/gateway/${name}`, content) }))
}

t.test('the certificate of the sample is accepted without a warning', async (t) => {
  t.same(parseSample().warnings, [])
})

t.test('an expired certificate is refused', async (t) => {
  const problems = problemsOf(() => parseSample({ clock: clockInDays(366) }))
  t.match(problems[0], certificateField)
  t.match(problems[0], /a server certificate that is valid now.*it expired at \d{4}-/)
})

t.test('a certificate that is not valid yet is refused', async (t) => {
  const problems = problemsOf(() => parseSample({ clock: clockInDays(-2) }))
  t.match(problems[0], /valid now.*it is not valid before \d{4}-/)
})

t.test('a certificate that ends within 30 days is warned of, one day earlier it is not', async (t) => {
  const { warnings } = parseSample({ clock: clockInDays(335.5) })
  t.match(warnings[0], /certificate\[0\]\.serverCertificates\[0\]\.certificate expires in 29 days/)
  t.same(parseSample({ clock: clockInDays(334) }).warnings, [])
})

t.test('a key that belongs to another certificate is refused', async (t) => {
  const problems = refusedFiles('server.key', samplePems().operatorsCa.key)
  t.match(problems[0], keyField)
  t.match(problems[0], /the private key of the certificate beside it.*it belongs to another certificate/)
})

t.test('an encrypted key is refused, the same key unencrypted is accepted', async (t) => {
  const problems = refusedFiles('server.key', encryptKey(samplePems().server.key))
  t.match(problems[0], keyField)
  t.match(problems[0], /an unencrypted private key.*the key is encrypted/)
  t.doesNotThrow(() => parseSample({ files: sampleFiles().put('/etc/gateway/server.key', samplePems().server.key) }))
})

t.test('a key file that is missing, empty or no key is refused', async (t) => {
  const files = sampleFiles()
  files.contents.delete('/etc/gateway/server.key')
  t.match(problemsOf(() => parseSample({ files }))[0], /key as the path of a readable PEM file.*no such file/)
  t.match(refusedFiles('server.key', ' \n')[0], /key as .*the file is empty/)
  t.match(refusedFiles('server.key', samplePems().server.certificate)[0], /there is no readable private key in it/)
  t.match(refusedFiles('server.key', samplePems().server.key.slice(0, 90))[0], /there is no readable private key in it/)
})

t.test('a certificate file that is missing, empty, not PEM or cut short is refused', async (t) => {
  const files = sampleFiles()
  files.contents.delete('/etc/gateway/server.pem')
  t.match(problemsOf(() => parseSample({ files }))[0], /certificate as the path of a readable PEM file.*no such file/)
  t.match(refusedFiles('server.pem', '')[0], /the file is empty/)
  t.match(refusedFiles('server.pem', 'hello')[0], /there is no certificate in it/)
  const { certificate } = samplePems().server
  t.match(refusedFiles('server.pem', certificate.slice(0, 200))[0], /the certificate in it is unreadable/)
  t.match(
    refusedFiles('server.pem', `${certificate}${certificate.slice(0, 200)}`)[0],
    /one of the 2 certificates in it is unreadable/,
  )
})

t.test('a certificate for clients only is refused, one without the extension is accepted', async (t) => {
  const names = 'subjectAltName=DNS:localhost'
  const clientOnly = makeCertificate({ commonName: 'x', extensions: ['extendedKeyUsage=clientAuth', names] })
  const anyUse = makeCertificate({ commonName: 'x', extensions: [names] })
  const changed = (pems: typeof anyUse): ParseChanges => ({
    files: sampleFiles().put('/etc/gateway/server.pem', pems.certificate).put('/etc/gateway/server.key', pems.key),
  })
  t.match(problemsOf(() => parseSample(changed(clientOnly)))[0], /does not allow server authentication/)
  t.doesNotThrow(() => parseSample(changed(anyUse)))
})

t.test('an RSA key of 1024 bits is refused, one of 2048 bits is accepted', async (t) => {
  const changed = (rsaBits: number): ParseChanges => {
    const pems = makeCertificate({ commonName: 'x', extensions: serverExtensions('DNS:localhost'), rsaBits })
    return {
      files: sampleFiles().put('/etc/gateway/server.pem', pems.certificate).put('/etc/gateway/server.key', pems.key),
    }
  }
  t.match(problemsOf(() => parseSample(changed(1_024)))[0], /accepts at security level 2.*TOO_SMALL/)
  t.doesNotThrow(() => parseSample(changed(2_048)))
})

t.test('a key file that others may read is warned of, by group too', async (t) => {
  for (const mode of [0o644, 0o640, 0o604]) {
    const { warnings } = parseSample({
      files: sampleFiles().put('/etc/gateway/server.key', samplePems().server.key, mode),
    })
    t.equal(warnings.length, 3, 'one for each door')
    t.match(warnings[0], /serverCertificates\[0\]\.key, "server\.key", has mode 06[04]/)
  }
  t.same(
    parseSample({ files: sampleFiles().put('/etc/gateway/server.key', samplePems().server.key, 0o400) }).warnings,
    [],
  )
})

t.test('a host name that no certificate covers is warned of, wildcards and addresses count', async (t) => {
  const path = 'doors.certificate.0.hostNames'
  t.same(parseSample({ set: { [path]: ['a.bank.example', 'localhost', '127.0.0.1', '::1'] } }).warnings, [])
  const { warnings } = parseSample({ set: { [path]: ['a.b.bank.example', '127.0.0.2'] } })
  t.match(warnings, [
    /covers doors\.certificate\[0\]\.hostNames\[0\], "a\.b\.bank\.example"/,
    /hostNames\[1\], "127\.0\.0\.2"/,
  ])
})

t.test('a name in the common name alone covers nothing', async (t) => {
  const pems = makeCertificate({ commonName: 'localhost', extensions: ['extendedKeyUsage=serverAuth'] })
  const files = sampleFiles().put('/etc/gateway/server.pem', pems.certificate).put('/etc/gateway/server.key', pems.key)
  const { config, warnings } = parseSample({ files })
  t.match(warnings[0], /No server certificate of this door covers/)
  t.same(config.doors.certificate[0]?.serverCertificates[0]?.names, [])
})

t.test('a name inside another kind of entry is not taken for a host name (CVE-2021-44532)', async (t) => {
  const section = [
    '[san]',
    'URI.1=http://x/\\, DNS:evil.example',
    'otherName.1=1.2.3.4;UTF8:a, DNS:evil.example',
    'DNS.1=localhost',
  ]
  const extensions = ['extendedKeyUsage=serverAuth', 'subjectAltName=@san', ...section]
  const pems = makeCertificate({ commonName: 'x', extensions })
  const files = sampleFiles().put('/etc/gateway/server.pem', pems.certificate).put('/etc/gateway/server.key', pems.key)
  const names = parseSample({ files }).config.doors.certificate[0]?.serverCertificates[0]?.names
  t.same(names, ['localhost'])
})

t.test('the chain is kept in order and nothing else of the file is', async (t) => {
  const { root, userCa } = samplePems()
  const leaf = makeCertificate({ commonName: 'x', extensions: serverExtensions('DNS:localhost'), issuer: userCa })
  const put = (...pems: string[]) =>
    sampleFiles().put('/etc/gateway/server.pem', pems.join('')).put('/etc/gateway/server.key', leaf.key)
  const good = parseSample({
    files: put(`comment\n${leaf.key}`, leaf.certificate, userCa.certificate, root.certificate),
  })
  t.same(good.warnings, [])
  t.equal(
    good.config.doors.certificate[0]?.serverCertificates[0]?.certificatePem,
    leaf.certificate + userCa.certificate + root.certificate,
  )
  const swapped = parseSample({ files: put(leaf.certificate, root.certificate, userCa.certificate) })
  t.match(swapped.warnings[0], /Certificate 2 in the file of .* did not issue the one before it/)
})

t.test('each certificate of a door is judged', async (t) => {
  const path = 'doors.certificate.0.serverCertificates'
  const files = sampleFiles().put('/etc/gateway/other.key', samplePems().root.key)
  const pair = (key: string) => ({ certificate: 'server.pem', key })
  t.match(
    problemsOf(() => parseSample({ files, set: { [path]: [pair('server.key'), pair('other.key')] } })),
    [/serverCertificates\[1\]\.key .*belongs to another certificate/],
  )
  t.equal(
    parseSample({ set: { [path]: [pair('server.key'), pair('server.key')] } }).config.doors.certificate[0]
      ?.serverCertificates.length,
    2,
  )
})

t.test('an expired intermediate is warned of', async (t) => {
  const { userCa } = samplePems()
  const leaf = makeCertificate({
    commonName: 'x',
    extensions: serverExtensions('DNS:localhost'),
    issuer: userCa,
    days: 700,
  })
  const files = sampleFiles()
    .put('/etc/gateway/server.pem', leaf.certificate + userCa.certificate)
    .put('/etc/gateway/server.key', leaf.key)
  t.match(parseSample({ files, clock: clockInDays(400) }).warnings[0], /an intermediate, expired at/)
  t.same(parseSample({ files, clock: clockInDays(300) }).warnings, [])
})
