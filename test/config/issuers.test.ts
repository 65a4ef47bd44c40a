// Goal: who may log in is exactly what the file says: no door without issuers, no CA file taken in part, no fall-back
// (CVE-2026-27586), and no user CA among the operators' CAs. Method: the correct sample with one file or field changed.
import t from 'tap'
import { caExtensions, makeCertificate, parseSample, problemsOf, sampleFiles, samplePems } from './sample-config.ts'

function refusedFiles(name: string, content: string): string[] {
  return problemsOf(() => parseSample({ files: sampleFiles().put(`/etc/gateway/${name}`, content) }))
}

const issuers = 'doors.certificate.0.issuers'

t.test('a door without issuers is refused, with one it is accepted', async (t) => {
  t.match(
    problemsOf(() => parseSample({ set: { [issuers]: [] } })),
    [/certificate\[0\]\.issuers as a list of at least 1/],
  )
  t.match(
    problemsOf(() => parseSample({ set: { [issuers]: undefined } })),
    [/certificate\[0\]\.issuers as a list of at least 1/],
  )
  t.same(parseSample().config.doors.certificate[0]?.issuers, ['user-ca'])
})

t.test('an issuer that is not configured is refused with the nearest name', async (t) => {
  const problems = problemsOf(() => parseSample({ set: { [issuers]: ['user-ca', 'usr-ca'] } }))
  t.match(problems, [
    /issuers\[1\] as the name of a configured issuer: current value is "usr-ca" \(the nearest name is user-ca\)/,
  ])
  t.match(
    problemsOf(() => parseSample({ set: { [issuers]: ['zzzzzzzzzz'] } })),
    [/configured are user-ca/],
  )
})

t.test('an issuer named twice by a door is refused', async (t) => {
  t.match(
    problemsOf(() => parseSample({ set: { [issuers]: ['user-ca', 'user-ca'] } })),
    [/issuers\[1\] as an issuer named once/],
  )
})

t.test('a CA file that is missing, empty or unreadable is refused', async (t) => {
  const files = sampleFiles()
  files.contents.delete('/etc/gateway/user-ca.pem')
  t.match(
    problemsOf(() => parseSample({ files })),
    [/issuers\[0\]\.certificate as the path of a readable PEM file.*no such file/],
  )
  t.match(refusedFiles('user-ca.pem', '\n\n'), [/issuers\[0\]\.certificate .*the file is empty/])
  t.match(refusedFiles('user-ca.pem', '# no certificates yet\n'), [
    /issuers\[0\]\.certificate .*there is no certificate in it/,
  ])
  t.match(refusedFiles('user-ca.pem', samplePems().userCa.certificate.replace(/M/g, '!')), [
    /issuers\[0\]\.certificate .*unreadable/,
  ])
  t.match(refusedFiles('root.pem', ''), [/issuers\[0\]\.chain\[0\] .*the file is empty/])
  t.match(refusedFiles('operators-ca.pem', ''), [/operatorIssuers\[0\]\.certificate .*the file is empty/])
})

t.test('a certificate that is not of a CA is refused as issuer, in a chain and for operators', async (t) => {
  const { server } = samplePems()
  t.match(refusedFiles('user-ca.pem', server.certificate), [/issuers\[0\]\.certificate .*not of a CA/])
  t.match(refusedFiles('root.pem', server.certificate), [/issuers\[0\]\.chain\[0\] .*not of a CA/])
  t.match(refusedFiles('operators-ca.pem', server.certificate), [/operatorIssuers\[0\]\.certificate .*not of a CA/])
})

t.test('an issuer file with two certificates is refused, a chain file with two is taken in order', async (t) => {
  const { userCa, root, operatorsCa } = samplePems()
  t.match(refusedFiles('user-ca.pem', userCa.certificate + root.certificate), [
    /exactly one CA certificate.*there are 2 in it/,
  ])
  const { config } = parseSample({
    files: sampleFiles().put('/etc/gateway/root.pem', root.certificate + operatorsCa.certificate),
    set: { 'doors.admin': undefined },
  })
  t.same(config.issuers[0]?.chainPems, [root.certificate, operatorsCa.certificate])
})

t.test('a CA of users is refused among the CAs of operators, by key and not by certificate', async (t) => {
  const { userCa, root } = samplePems()
  const reason = /operatorIssuers\[0\]\.certificate as a CA of operators only.*user issuer user-ca/
  t.match(refusedFiles('operators-ca.pem', userCa.certificate), [reason])
  t.match(refusedFiles('operators-ca.pem', root.certificate), [reason], 'a CA above it would let its users in too')
  const renewed = makeCertificate({ commonName: 'operators', extensions: caExtensions, key: userCa.key })
  t.match(refusedFiles('operators-ca.pem', renewed.certificate), [reason])
  const sameName = makeCertificate({ commonName: 'user-ca', extensions: caExtensions })
  t.doesNotThrow(() => parseSample({ files: sampleFiles().put('/etc/gateway/operators-ca.pem', sameName.certificate) }))
})

t.test('two issuers may share a name of their subject, but not their configured name or certificate', async (t) => {
  const twin = makeCertificate({ commonName: 'user-ca', extensions: caExtensions })
  const files = sampleFiles().put('/etc/gateway/twin.pem', twin.certificate)
  const second = (name: string, certificate: string) => ({
    files,
    set: {
      issuers: [
        { name: 'user-ca', certificate: 'user-ca.pem' },
        { name, certificate },
      ],
    },
  })
  t.equal(parseSample(second('twin', 'twin.pem')).config.issuers.length, 2)
  t.match(
    problemsOf(() => parseSample(second('user-ca', 'twin.pem'))),
    [/issuers\[1\]\.name as an issuer name used once/],
  )
  t.match(
    problemsOf(() => parseSample(second('twin', 'user-ca.pem'))),
    [/issuers\[1\]\.certificate .*the certificate of user-ca/],
  )
})

t.test('an issuer that no door names is warned of', async (t) => {
  const twin = makeCertificate({ commonName: 'twin', extensions: caExtensions })
  const files = sampleFiles().put('/etc/gateway/twin.pem', twin.certificate)
  const set = {
    issuers: [
      { name: 'user-ca', certificate: 'user-ca.pem' },
      { name: 'twin', certificate: 'twin.pem' },
    ],
  }
  t.match(parseSample({ files, set }).warnings, [/No door names issuers\[1\], twin/])
  t.same(parseSample({ files, set: { ...set, [issuers]: ['user-ca', 'twin'] } }).warnings, [])
})
