// Goal: every spelling of a name that an application might take for a reserved or governing one is recognised.
// Method: spellings by case and by `_` and `.` for `-`; the cache is filled beyond its bound with made-up names.
import t from 'tap'
import { classifyField, fieldClass } from '../../../src/data-path/http1/field-class.ts'

t.test('reserved names in any folding', async (t) => {
  const names = [
    'Client-Cert',
    'CLIENT-CERT',
    'Client_Cert',
    'client.cert.chain',
    'Client-Cert-Chain',
    'Sekisho-Login-Id',
    'SEKISHO_LOGIN_ID',
    'sekisho.assertion',
    'Sekisho-Anything',
    'X-Client-Cert',
    'X_Client_Cert',
    'X-Client-Certificate',
    'X-SSL-Client-S-DN',
    'ssl_client_verify',
    'SSL-Client-Cert',
    'X-Forwarded-Client-Cert',
    'x_forwarded.client-cert',
    'X-Forwarded-Tls-Client-Cert-Info',
  ]
  for (const name of names) t.equal(classifyField(name), fieldClass.reserved, name)
})

t.test('names that only resemble reserved ones pass', async (t) => {
  for (const name of [
    'Sekisho',
    'X-Sekisho-Note',
    'Client',
    'Client-Certain',
    'User-Agent',
    'X-Request-Id',
    'Authorization',
  ]) {
    t.equal(classifyField(name), fieldClass.other, name)
  }
})

t.test('governing names in any case, and their twins, which are not forwarded', async (t) => {
  t.equal(classifyField('hOsT'), fieldClass.host)
  t.equal(classifyField('CONTENT-LENGTH'), fieldClass.contentLength)
  t.equal(classifyField('transfer-Encoding'), fieldClass.transferEncoding)
  t.equal(classifyField('Proxy-Connection'), fieldClass.connection)
  t.equal(classifyField('EXPECT'), fieldClass.expect)
  t.equal(classifyField('upgrade'), fieldClass.upgrade)
  t.equal(classifyField('Cookie'), fieldClass.cookie)
  t.equal(classifyField('set-cookie'), fieldClass.setCookie)
  for (const name of [
    'Content_Length',
    'transfer.encoding',
    'Set_Cookie',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Proxy',
    'HTTP2-Settings',
  ]) {
    t.equal(classifyField(name), fieldClass.hopByHop, name)
  }
  for (const name of ['Forwarded', 'X-Forwarded-For', 'x_forwarded_proto', 'X-Real-IP']) {
    t.equal(classifyField(name), fieldClass.forwarded, name)
  }
})

t.test('made-up names neither change a class nor stay', async (t) => {
  for (let i = 0; i < 10_000; i++) {
    if (classifyField(`X-Made-Up-${i}`) !== fieldClass.other) t.fail(`X-Made-Up-${i}`)
  }
  t.equal(classifyField('Host'), fieldClass.host)
  t.equal(classifyField('SEKISHO_login-ID'), fieldClass.reserved)
  t.equal(classifyField(`Sekisho-${'x'.repeat(500)}`), fieldClass.reserved, 'longer than what is cached')
})
